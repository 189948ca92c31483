package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A key file is text: one key a line, "#" comments, blank lines.
//
//	payoff-private-v1 delivery 0f1e2d3c4b5a6978 <base64 of the private key>
//	payoff-public-v1  delivery 0f1e2d3c4b5a6978 <base64 of the public key>
//
// The id is there for people and is checked. In a private file the first key is
// the current one, whose public half seals; every key opens.
const (
	privateLabel = "payoff-private-v1"
	publicLabel  = "payoff-public-v1"
)

// maxKeyFile bounds what is read as a key file, in bytes.
const maxKeyFile = 1 << 20

// A Keyring holds the private keys of one purpose, the current one first. It
// may be used by several goroutines once it is built.
type Keyring struct {
	purpose Purpose
	keys    []*PrivateKey
}

// NewKeyring makes a ring of keys, the current one first. The keys must be of
// one purpose and differ.
func NewKeyring(keys ...*PrivateKey) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("a keyring needs at least one key")
	}
	r := &Keyring{purpose: keys[0].public.purpose}
	for _, k := range keys {
		if k.public.purpose != r.purpose {
			return nil, fmt.Errorf("key %s is for %s, the first of the ring is for %s", k.ID(), k.public.purpose, r.purpose)
		}
		if r.find(k.ID()) != nil {
			return nil, fmt.Errorf("key %s is there twice", k.ID())
		}
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// LoadKeyring reads the private keys of a file. A file that others than its
// owner and group can read is refused.
func LoadKeyring(path string, p Purpose) (*Keyring, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("loading %s keys: %w", p, err)
	}
	r, err := parseKeyring(text, p)
	if err != nil {
		return nil, fmt.Errorf("loading %s keys from %s: %w", p, path, err)
	}
	return r, nil
}

// CreateKeyring loads the keys of a file and, if there is no such file, makes
// one with a new key, mode 0600. Of several processes that create the same file
// at once, one wins and all load its key.
func CreateKeyring(path string, p Purpose) (*Keyring, error) {
	return loadOrCreate(path, func() (*Keyring, error) { return LoadKeyring(path, p) }, func() ([]byte, error) {
		k, err := GenerateKey(p)
		if err != nil {
			return nil, err
		}
		r, err := NewKeyring(k)
		if err != nil {
			return nil, err
		}
		return r.marshal()
	})
}

// Rotated is the ring with a new current key; the old ones still open. Save it
// where the openers read before a sealer uses its public key.
func (r *Keyring) Rotated() (*Keyring, error) {
	k, err := GenerateKey(r.purpose)
	if err != nil {
		return nil, err
	}
	return NewKeyring(append([]*PrivateKey{k}, r.keys...)...)
}

// Save replaces the file by the ring, atomically and durably, mode 0600.
func (r *Keyring) Save(path string) error {
	text, err := r.marshal()
	if err != nil {
		return err
	}
	if err := writeFile(path, text, 0o600, os.Rename); err != nil {
		return fmt.Errorf("saving %s keys: %w", r.purpose, err)
	}
	return nil
}

// Public is the current key's public half.
func (r *Keyring) Public() *PublicKey { return r.keys[0].Public() }

// IDs names the keys of the ring, the current one first.
func (r *Keyring) IDs() []KeyID {
	ids := make([]KeyID, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.ID()
	}
	return ids
}

func (r *Keyring) find(id KeyID) *PrivateKey {
	for _, k := range r.keys {
		if k.ID() == id {
			return k
		}
	}
	return nil
}

func (r *Keyring) marshal() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Payoff's private %s keys. Whoever reads this file can open all that was sealed to them.\n"+
		"# The first is the current one; keep the others as long as what was sealed to them.\n", r.purpose)
	for _, k := range r.keys {
		secret, err := k.key.Bytes()
		if err != nil {
			return nil, fmt.Errorf("writing key %s: %w", k.ID(), err)
		}
		writeKeyLine(&b, privateLabel, k.public.purpose, k.ID(), secret)
	}
	return b.Bytes(), nil
}

func parseKeyring(text []byte, p Purpose) (*Keyring, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	var keys []*PrivateKey
	err := eachKeyLine(text, privateLabel, p, func(raw []byte) (KeyID, error) {
		key, err := kem().NewPrivateKey(raw)
		if err != nil {
			return KeyID{}, err
		}
		k := newPrivateKey(p, key)
		keys = append(keys, k)
		return k.ID(), nil
	})
	if err != nil {
		return nil, err
	}
	return NewKeyring(keys...)
}

// LoadPublicKey reads the public key of a file: what an edge that only seals
// needs. The file holds exactly one key.
func LoadPublicKey(path string, p Purpose) (*PublicKey, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("loading a public %s key: %w", p, err)
	}
	k, err := ParsePublicKey(text, p)
	if err != nil {
		return nil, fmt.Errorf("loading a public %s key from %s: %w", p, path, err)
	}
	return k, nil
}

// ParsePublicKey reads the text of a public key file.
func ParsePublicKey(text []byte, p Purpose) (*PublicKey, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	var keys []*PublicKey
	err := eachKeyLine(text, publicLabel, p, func(raw []byte) (KeyID, error) {
		key, err := kem().NewPublicKey(raw)
		if err != nil {
			return KeyID{}, err
		}
		k := newPublicKey(p, key)
		keys = append(keys, k)
		return k.ID(), nil
	})
	if err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("holds %d public keys, want exactly one", len(keys))
	}
	return keys[0], nil
}

// String is the key's line in a public key file.
func (k *PublicKey) String() string {
	var b bytes.Buffer
	writeKeyLine(&b, publicLabel, k.purpose, k.id, k.key.Bytes())
	return strings.TrimSuffix(b.String(), "\n")
}

// Save writes the public key file, atomically and durably, mode 0644.
func (k *PublicKey) Save(path string) error {
	if err := writeFile(path, []byte(k.String()+"\n"), 0o644, os.Rename); err != nil {
		return fmt.Errorf("saving the public %s key: %w", k.purpose, err)
	}
	return nil
}

func writeKeyLine(b *bytes.Buffer, label string, p Purpose, id KeyID, raw []byte) {
	fmt.Fprintf(b, "%s %s %s %s\n", label, p, id, base64.StdEncoding.EncodeToString(raw))
}

// eachKeyLine hands the key bytes of each line to add, which says what id they
// have. Its errors name the line and never repeat what may be a secret.
func eachKeyLine(text []byte, label string, p Purpose, add func(raw []byte) (KeyID, error)) error {
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		s = strings.TrimSpace(s)
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		if err := keyLine(strings.Fields(s), label, p, add); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return nil
}

func keyLine(fields []string, label string, p Purpose, add func(raw []byte) (KeyID, error)) error {
	if len(fields) != 4 || fields[0] != label {
		return fmt.Errorf("want %q, purpose, id and key", label)
	}
	if fields[1] != string(p) {
		return fmt.Errorf("key is not for %s", p)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(fields[3])
	if err != nil {
		return errors.New("key is not base64")
	}
	id, err := add(raw)
	if err != nil {
		return errors.New("key is not an X25519 key of 32 bytes")
	}
	if fields[2] != id.String() {
		return fmt.Errorf("key has id %s, not the one written beside it", id)
	}
	return nil
}

// loadOrCreate loads, and writes a fresh file first when there is none.
func loadOrCreate[T any](path string, load func() (T, error), fresh func() ([]byte, error)) (T, error) {
	v, err := load()
	if !errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	text, err := fresh()
	if err != nil {
		return v, err
	}
	// Link, unlike Rename, leaves a file alone that another process has made in
	// the meantime: then that one counts.
	if err := writeFile(path, text, 0o600, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return v, fmt.Errorf("creating a secret: %w", err)
	}
	return load()
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// The group may read: that is how secrets are mounted for a service user.
	if perm := info.Mode().Perm(); perm&0o027 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, so others can read or change it: chmod 600 it, and replace the secret if others may have read it", path, perm)
	}
	return readKeyFile(path)
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s has %d bytes, too many for a key file", path, info.Size())
	}
	return os.ReadFile(path)
}

// writeFile writes a temporary file beside path, syncs it, puts it in place
// (os.Rename to replace, os.Link to keep what is there) and syncs the directory.
func writeFile(path string, data []byte, mode fs.FileMode, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
