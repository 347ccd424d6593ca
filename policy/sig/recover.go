package sig

import (
	"bytes"
	"crypto/sha256"
	"math/big"
)

// sha256Info stands before a SHA-256 digest in an RSA signature: RFC 8017,
// Section 9.2, note 1.
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// Recovers reports whether a signature shows with which key it was made: RSA
// does, Ed25519 does not.
func (k Key) Recovers() bool { return k.rsa != nil }

// Recover returns the SHA-256 digest that an RSA signature was made over with the
// private half of k, and whether it was made with it at all: RFC 8017, Section
// 8.2.2. It tells a changed message from another key, and is for that only: what
// holds, Verify says.
func (k Key) Recover(signature []byte) (digest []byte, made bool) {
	if k.rsa == nil || len(signature) != k.rsa.Size() {
		return nil, false
	}
	s := new(big.Int).SetBytes(signature)
	if s.Cmp(k.rsa.N) >= 0 {
		return nil, false
	}
	encoded := s.Exp(s, big.NewInt(int64(k.rsa.E)), k.rsa.N).FillBytes(make([]byte, k.rsa.Size()))
	at := len(encoded) - sha256.Size
	want := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, at-len(sha256Info)-3)...)
	want = append(append(want, 0), sha256Info...)
	if !bytes.Equal(encoded[:at], want) {
		return nil, false
	}
	return encoded[at:], true
}
