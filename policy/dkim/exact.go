package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"

	"mxgate/policy/mail"
)

// verifyExact verifies sig without the library: RFC 6376, Sections 3.7 and 6.1.3.
// It is for all but short bodies, and for the few signatures that the library
// judges by something else than the signature; on all others both agree, and
// a test holds them to it.
func verifyExact(m *mail.Message, sig *signature, k key, b *body) (mail.Status, string) {
	bodyHash, err := b.hash(sig.bodyCanon)
	if err != nil {
		return mail.TempError, whyUnread
	}
	if subtle.ConstantTimeCompare(bodyHash, sig.bodyHash) != 1 {
		return mail.Fail, whyBody
	}
	canon := appendSimple
	if sig.headerCanon == "relaxed" {
		canon = appendRelaxed
	}
	sum := sha256.New()
	var buf []byte
	for _, f := range signedFields(m, sig) {
		buf = canon(buf[:0], f)
		sum.Write(buf)
	}
	buf = canon(buf[:0], withoutB(line(m.Fields[sig.field].Raw)))
	sum.Write(bytes.TrimSuffix(buf, []byte("\r\n")))
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

// appendSimple appends the field as it stands, with CRLF line ends: RFC 6376,
// Section 3.4.1.
func appendSimple(b, raw []byte) []byte {
	for line := range bytes.Lines(raw) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		b = append(b, text...)
		if ended {
			b = append(bytes.TrimSuffix(b, []byte("\r")), "\r\n"...)
		}
	}
	return b
}

// appendRelaxed unfolds the field, lower-cases its name and reduces white space:
// RFC 6376, Section 3.4.2.
func appendRelaxed(b, raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte(":"))
	b = append(append(b, bytes.ToLower(bytes.Trim(name, fws))...), ':')
	begun, space := false, false
	for _, c := range value {
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			space = begun
		case space:
			b = append(b, ' ', c)
			space = false
		default:
			b = append(b, c)
			begun = true
		}
	}
	return append(b, "\r\n"...)
}
