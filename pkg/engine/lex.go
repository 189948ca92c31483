//go:build linux || darwin

package engine

import "strings"

// A token is one lexeme of a statement, as ClickHouse's lexer cuts it.
type token struct {
	kind  tokenKind
	text  string // a quoted identifier is decoded; all else is as written
	begin int
	end   int
}

type tokenKind byte

const (
	endToken    tokenKind = iota
	wordToken             // a bare word: keyword or identifier
	quotedToken           // an identifier in backquotes or double quotes
	stringToken           // a literal in single quotes, or a heredoc
	numberToken
	markToken // one character of punctuation
	oddToken  // what this lexer does not know; ClickHouse may
)

// is reports whether the token is the given keyword.
func (t token) is(keyword string) bool {
	return t.kind == wordToken && strings.EqualFold(t.text, keyword)
}

// mark reports whether the token is the given punctuation.
func (t token) mark(c string) bool { return t.kind == markToken && t.text == c }

// name returns the identifier the token may be, or "".
func (t token) name() string {
	if t.kind == wordToken || t.kind == quotedToken {
		return t.text
	}
	return ""
}

// A lexer cuts a statement into tokens, leaving out blanks and comments.
type lexer struct {
	s   string
	pos int
}

// tokens cuts all of s.
func tokens(s string) []token {
	lx := lexer{s: s}
	var list []token
	for t := lx.next(); t.kind != endToken; t = lx.next() {
		list = append(list, t)
	}
	return list
}

// next returns the next token; at the end its kind is endToken, for ever.
func (lx *lexer) next() token {
	if !lx.skipBlank() {
		return lx.cut(oddToken, len(lx.s)) // an unclosed comment
	}
	if lx.pos >= len(lx.s) {
		return token{kind: endToken, begin: len(lx.s), end: len(lx.s)}
	}
	switch c := lx.s[lx.pos]; {
	case c == '\'':
		return lx.quoted(stringToken, '\'')
	case c == '"' || c == '`':
		return lx.quoted(quotedToken, c)
	case c == '$':
		return lx.heredoc()
	case isDigit(c):
		return lx.run(numberToken, isWord)
	case isWord(c):
		return lx.run(wordToken, func(c byte) bool { return isWord(c) || c == '$' })
	case c < 0x80 && c > ' ':
		return lx.cut(markToken, lx.pos+1)
	default:
		return lx.run(oddToken, func(c byte) bool { return c >= 0x80 || c <= ' ' })
	}
}

// skipBlank moves past blanks and comments; it returns false in a comment that
// does not end.
func (lx *lexer) skipBlank() bool {
	for lx.pos < len(lx.s) {
		rest := lx.s[lx.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			lx.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			lx.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := commentEnd(rest)
			if n < 0 {
				return false
			}
			lx.pos += n
		default:
			return true
		}
	}
	return true
}

// commentEnd returns the length of the comment that s begins with, or -1 if it
// does not end. Comments nest.
func commentEnd(s string) int {
	depth := 1
	for i := 2; i+1 < len(s); {
		switch s[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

func (lx *lexer) cut(kind tokenKind, end int) token {
	t := token{kind: kind, text: lx.s[lx.pos:end], begin: lx.pos, end: end}
	lx.pos = end
	return t
}

func (lx *lexer) run(kind tokenKind, in func(byte) bool) token {
	end := lx.pos + 1
	for end < len(lx.s) && in(lx.s[end]) {
		end++
	}
	return lx.cut(kind, end)
}

// quoted cuts a literal or an identifier between two quotes, in which a
// backslash escapes and a doubled quote stands for itself.
func (lx *lexer) quoted(kind tokenKind, quote byte) token {
	begin := lx.pos
	var text strings.Builder
	for i := begin + 1; i < len(lx.s); i++ {
		switch c := lx.s[i]; {
		case c == '\\' && i+1 < len(lx.s):
			i += unescape(&text, lx.s[i+1:])
		case c == quote && i+1 < len(lx.s) && lx.s[i+1] == quote:
			text.WriteByte(quote)
			i++
		case c == quote:
			lx.pos = i + 1
			return token{kind: kind, text: text.String(), begin: begin, end: i + 1}
		default:
			text.WriteByte(c)
		}
	}
	return lx.cut(oddToken, len(lx.s))
}

// unescape decodes the escape sequence whose backslash has been read, and
// returns how long it is without the backslash.
func unescape(to *strings.Builder, s string) int {
	if s[0] == 'x' && len(s) >= 3 {
		to.WriteByte(hexDigit(s[1])<<4 | hexDigit(s[2]))
		return 3
	}
	const from, into = "abefnrtv0", "\a\b\x1b\f\n\r\t\v\x00"
	if i := strings.IndexByte(from, s[0]); i >= 0 {
		to.WriteByte(into[i])
		return 1
	}
	if strings.IndexByte("\\`\"'/", s[0]) < 0 {
		to.WriteByte('\\')
	}
	to.WriteByte(s[0])
	return 1
}

// heredoc cuts $tag$ … $tag$.
func (lx *lexer) heredoc() token {
	rest := lx.s[lx.pos+1:]
	n := 0
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if n == len(rest) || rest[n] != '$' {
		return lx.cut(markToken, lx.pos+1)
	}
	tag := lx.s[lx.pos : lx.pos+n+2]
	closing := strings.Index(lx.s[lx.pos+len(tag):], tag)
	if closing < 0 {
		return lx.cut(oddToken, len(lx.s))
	}
	return lx.cut(stringToken, lx.pos+len(tag)+closing+len(tag))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
