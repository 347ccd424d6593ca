package sig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"

	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Limits of a key. RFC 8301, Section 3.2 demands 1024 bits; beyond 8192 one
// verification costs a hundred times as much and nobody publishes such a key.
const (
	minRSABits   = 1024
	maxRSABits   = 8192
	maxKeyOctets = 8 << 10 // of the record
)

// exponents are the public exponents that count: those that key generators use.
// The time of a verification grows with the octets and the set bits of the
// exponent, which whoever publishes a key may choose.
var exponents = []int{3, 17, 257, 65537}

// Key is a public key and what its record says about it. RFC 6376, Section
// 3.6.1. The zero Key verifies nothing.
type Key struct {
	Record  string // the key alone, as a record that go-msgauth reads
	Testing bool   // t=y: the domain is testing
	Strict  bool   // t=s: i= of DKIM must be d= itself, not a name below it

	rsa     *rsa.PublicKey // exactly one of rsa and ed25519 is set
	ed25519 ed25519.PublicKey
}

// Verify reports whether signature was made over a SHA-256 digest with the
// private half of k.
func (k Key) Verify(digest, signature []byte) bool {
	if k.rsa != nil {
		return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, digest, signature) == nil
	}
	return len(k.ed25519) == ed25519.PublicKeySize && ed25519.Verify(k.ed25519, digest, signature)
}

// KeyAnswer is a key, or a status that says why there is none to verify with.
type KeyAnswer struct {
	Key    Key
	Status mail.Status // "" with a key; PermError, Policy or TempError
	Why    string      // for a person; printable ASCII
	Gone   bool        // the key is not published, or revoked (an empty p=)
}

// knownKeys remembers records that were read: the same few senders come again
// and again.
var knownKeys = memo.New[keyQuestion, KeyAnswer](1<<20, keyQuestion.own)

// keyQuestion is a record and what it depends on in a signature.
type keyQuestion struct {
	record  string
	keyType string // of a=
}

func (q keyQuestion) own() keyQuestion {
	return keyQuestion{q.record, memo.Text(q.keyType)} // a piece of the signature
}

// ParseKey reads a key record for signatures of a key type, which is "rsa" or
// "ed25519". Why continues "the key at NAME".
func ParseKey(record, keyType string) KeyAnswer {
	if len(record) > maxKeyOctets {
		return KeyAnswer{Status: mail.PermError, Why: "is not a list of tags"}
	}
	return knownKeys.Of(keyQuestion{record, keyType}, len(record), readKey)
}

func readKey(q keyQuestion) KeyAnswer {
	perm := func(format string, args ...any) KeyAnswer {
		return KeyAnswer{Status: mail.PermError, Why: fmt.Sprintf(format, args...)}
	}
	tags, err := ParseTags(q.record)
	if err != nil {
		return perm("is not a list of tags")
	}
	text, ok := tags.Lookup("p")
	keyType, typed := tags.Lookup("k")
	if !typed {
		keyType = "rsa"
	}
	hashes, hashed := tags.Lookup("h")
	services, limited := tags.Lookup("s")
	version, versioned := tags.Lookup("v")
	switch {
	case versioned && version != "DKIM1":
		return perm("is of version %+.20q", version)
	case !ok:
		return perm("has no p=")
	case RemoveFWS(text) == "":
		return KeyAnswer{Status: mail.PermError, Why: "was revoked", Gone: true}
	case keyType != q.keyType:
		return perm("is of type %+.20q, the signature is not", keyType)
	case hashed && !slices.Contains(Words(hashes), "sha256"):
		return perm("does not allow SHA-256")
	case limited && !slices.Contains(Words(services), "*") && !slices.Contains(Words(services), "email"):
		return perm("is not for mail")
	}
	der, err := base64.StdEncoding.DecodeString(RemoveFWS(text))
	if err != nil {
		return perm("is not base64")
	}
	flags := Words(tags.Value("t"))
	k := Key{Testing: slices.Contains(flags, "y"), Strict: slices.Contains(flags, "s")}
	k.Record = "v=DKIM1; k=" + keyType + "; p=" + base64.StdEncoding.EncodeToString(der)
	if keyType == "ed25519" { // RFC 8463, Section 4: the bare key
		if len(der) != ed25519.PublicKeySize {
			return perm("is not an Ed25519 key")
		}
		k.ed25519 = der
		return KeyAnswer{Key: k}
	}
	if k.rsa = parseRSA(der); k.rsa == nil {
		return perm("is not an RSA key")
	}
	if bits := k.rsa.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return KeyAnswer{Status: mail.Policy, Why: fmt.Sprintf("has %d bits, not %d to %d", bits, minRSABits, maxRSABits)}
	}
	if !slices.Contains(exponents, k.rsa.E) {
		return KeyAnswer{Status: mail.Policy, Why: fmt.Sprintf("has the public exponent %d, which is none of those in use", k.rsa.E)}
	}
	return KeyAnswer{Key: k}
}

// parseRSA reads a SubjectPublicKeyInfo or, as RFC 6376, erratum 3017 has it, a
// bare RSAPublicKey; nil if der is neither.
func parseRSA(der []byte) *rsa.PublicKey {
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		k, _ := any.(*rsa.PublicKey)
		return k
	}
	k, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil
	}
	return k
}
