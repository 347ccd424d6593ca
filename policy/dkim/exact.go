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
// It is for large bodies, and for the few signatures that the library judges by
// something else than the signature; on all others both agree, and a test holds
// them to it.
func verifyExact(m *mail.Message, sig *signature, k key, b *body) (mail.Status, string) {
	bodyHash, err := b.hash(sig.bodyCanon)
	if err != nil {
		return mail.TempError, whyUnread
	}
	if subtle.ConstantTimeCompare(bodyHash, sig.bodyHash) != 1 {
		return mail.Fail, whyBody
	}
	canon := simpleField
	if sig.headerCanon == "relaxed" {
		canon = relaxedField
	}
	sum := sha256.New()
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
