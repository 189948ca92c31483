package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// PersonPrefix begins every pseudonym.
const PersonPrefix = "p_"

// A pseudonym is stored in every event about a person: neither of these may
// ever change.
const pseudonymDomain = "payoff person v1\x00"

var pseudonymCode = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// pseudonymBytes is how much of the HMAC a pseudonym keeps: with 128 bits, ten
// million people share one with a chance under 10^-24.
const pseudonymBytes = 16

// A Pseudonymiser turns the accounts of people into pseudonyms. Its methods may
// be called at once.
type Pseudonymiser struct{ macs sync.Pool } // of hash.Hash, keyed

// NewPseudonymiser uses a secret of at least 32 random bytes, which it copies.
func NewPseudonymiser(secret []byte) (*Pseudonymiser, error) {
	if len(secret) < sha256.Size {
		return nil, fmt.Errorf("a pseudonym secret needs at least %d bytes, this one has %d", sha256.Size, len(secret))
	}
	secret = append([]byte(nil), secret...)
	return &Pseudonymiser{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}, nil
}

// Person is the pseudonym of an account, which is an e-mail address or, where a
// tool gives none, its name for the person:
//
//	"p_" + base32(HMAC-SHA256(secret, "payoff person v1" + 0x00 + account)[:16])
//
// in the lower-case alphabet of RFC 4648 without padding: 28 characters. The
// account is trimmed of white space and lower-cased first, so that it does not
// matter how a tool spells it. The empty account has the empty pseudonym: the
// unknown are not one person. Bots keep their names; they do not come here.
//
// It is constant for the life of the secret. Without the secret nobody can
// compute it, or find the account of one by trying; with it, anyone can.
func (p *Pseudonymiser) Person(account string) string {
	account = strings.ToLower(strings.TrimSpace(account))
	if account == "" {
		return ""
	}
	mac := p.macs.Get().(hash.Hash)
	defer p.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(pseudonymDomain))
	mac.Write([]byte(account))
	return PersonPrefix + pseudonymCode.EncodeToString(mac.Sum(nil)[:pseudonymBytes])
}

// secretLabel begins the one line of a pseudonym secret file, which is text as
// key files are: "payoff-pseudonym-secret-v1 <base64 of the secret>".
const secretLabel = "payoff-pseudonym-secret-v1"

// LoadPseudonymiser reads the secret of a file. A file that others than its
// owner and group can read is refused.
func LoadPseudonymiser(path string) (*Pseudonymiser, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("loading the pseudonym secret: %w", err)
	}
	secret, err := parseSecret(text)
	if err != nil {
		return nil, fmt.Errorf("loading the pseudonym secret from %s: %w", path, err)
	}
	return NewPseudonymiser(secret)
}

// CreatePseudonymiser loads the secret of a file and, if there is no such file,
// makes one with a random secret, mode 0600. Keep the file with the backups:
// with another secret every person becomes a stranger.
func CreatePseudonymiser(path string) (*Pseudonymiser, error) {
	return loadOrCreate(path, func() (*Pseudonymiser, error) { return LoadPseudonymiser(path) }, func() ([]byte, error) {
		secret := make([]byte, sha256.Size)
		rand.Read(secret) // never fails
		return fmt.Appendf(nil, "# Payoff's pseudonym secret. Losing it makes every person a stranger; whoever has it can test who is who.\n"+
			"%s %s\n", secretLabel, base64.StdEncoding.EncodeToString(secret)), nil
	})
}

func parseSecret(text []byte) ([]byte, error) {
	var found []byte
	for s := range strings.Lines(string(text)) {
		fields := strings.Fields(s)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if found != nil || len(fields) != 2 || fields[0] != secretLabel {
			return nil, fmt.Errorf("want one line: %q and the secret", secretLabel)
		}
		secret, err := base64.StdEncoding.Strict().DecodeString(fields[1])
		if err != nil {
			return nil, errors.New("the secret is not base64")
		}
		found = secret
	}
	if len(found) < sha256.Size {
		return nil, fmt.Errorf("want a secret of at least %d bytes", sha256.Size)
	}
	return found, nil
}
