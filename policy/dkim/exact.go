package dkim

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"io"

	"mxgate/policy/mail"
)

// verifyExact verifies sig without the library: RFC 6376, Sections 3.7 and 6.1.3.
// It is for the few signatures that the library judges by something else than
// the signature; on all others both agree, and a test holds them to it.
func verifyExact(m *mail.Message, sig *signature, k key, body io.Reader) (mail.Status, string) {
	sum := sha256.New()
	if err := hashBody(sum, body, sig.bodyCanon == "relaxed"); err != nil {
		return mail.TempError, whyUnread
	}
	if subtle.ConstantTimeCompare(sum.Sum(nil), sig.bodyHash) != 1 {
		return mail.Fail, whyBody
	}
	canon := simpleField
	if sig.headerCanon == "relaxed" {
		canon = relaxedField
	}
	sum.Reset()
	for _, f := range signedFields(m, sig) {
		sum.Write(canon(f))
	}
	own := canon(withoutB(line(m.Fields[sig.field].Raw)))
	sum.Write(bytes.TrimSuffix(own, []byte("\r\n")))
	if !k.verify(sum.Sum(nil), sig.octets) {
		return mail.Fail, whySignature
	}
	return mail.Pass, whyPass
}

func (k key) verify(digest, signature []byte) bool {
	if k.rsa != nil {
		return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, digest, signature) == nil
	}
	return ed25519.Verify(k.ed25519, digest, signature)
}

// withoutB returns the field with an empty value of the b= tag: RFC 6376,
// Section 3.5.
func withoutB(raw []byte) []byte {
	at := bytes.IndexByte(raw, ':') + 1
	for {
		end := len(raw)
		if i := bytes.IndexByte(raw[at:], ';'); i >= 0 {
			end = at + i
		}
		name, _, ok := bytes.Cut(raw[at:end], []byte("="))
		if ok && string(bytes.Trim(name, fws)) == "b" {
			value := at + len(name) + 1
			rest := raw[end:]
			if end == len(raw) {
				rest = []byte("\r\n")
			}
			return append(bytes.Clone(raw[:value]), rest...)
		}
		if end == len(raw) {
			return raw
		}
		at = end + 1
	}
}

// simpleField is the field as it stands, with CRLF line ends: RFC 6376,
// Section 3.4.1.
func simpleField(raw []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// relaxedField unfolds, lower-cases the name and reduces white space: RFC 6376,
// Section 3.4.2.
func relaxedField(raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	out := append(bytes.ToLower(bytes.Trim(name, fws)), ':')
	for i, word := range bytes.FieldsFunc(value, func(c rune) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }) {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, word...)
	}
	return append(out, "\r\n"...)
}

// hashBody writes the canonical body to sum: RFC 6376, Sections 3.4.3 and 3.4.4.
// Lines end in LF or CRLF; they may have any length and are not held.
func hashBody(sum hash.Hash, body io.Reader, relaxed bool) error {
	in := bufio.NewReaderSize(body, 32<<10)
	out := bufio.NewWriterSize(sum, 4<<10)
	c := bodyCanon{out: out, relaxed: relaxed}
	for {
		chunk, err := in.ReadSlice('\n')
		switch err {
		case nil:
			chunk = chunk[:len(chunk)-1]
			c.text(chunk)
			c.endLine()
		case io.EOF:
			c.text(chunk)
			c.endBody()
			return out.Flush()
		case bufio.ErrBufferFull:
			c.text(chunk)
		default:
			return err
		}
	}
}

// bodyCanon holds back what may still turn out to stand at an end: a CR, white
// space, empty lines.
type bodyCanon struct {
	out     *bufio.Writer // never fails: it writes to a hash
	relaxed bool
	cr      bool // a CR that may belong to the line end
	space   bool // relaxed: white space before the next word
	empty   int  // line ends not written yet
	written bool
}

// text takes part of a line.
func (c *bodyCanon) text(b []byte) {
	for _, ch := range b {
		if c.cr {
			c.cr = false
			c.put('\r')
		}
		switch {
		case ch == '\r':
			c.cr = true
		case c.relaxed && (ch == ' ' || ch == '\t'):
			c.space = true
		default:
			c.put(ch)
		}
	}
}

func (c *bodyCanon) put(ch byte) {
	for ; c.empty > 0; c.empty-- {
		c.out.WriteString("\r\n")
	}
	if c.space {
		c.out.WriteByte(' ')
		c.space = false
	}
	c.out.WriteByte(ch)
	c.written = true
}

func (c *bodyCanon) endLine() {
	c.cr, c.space = false, false
	c.empty++
}

func (c *bodyCanon) endBody() {
	if c.cr {
		c.cr = false
		c.put('\r')
	}
	if c.written || !c.relaxed {
		c.out.WriteString("\r\n")
	}
}
