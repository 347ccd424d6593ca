package sig

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"

	"mxgate/policy/mail"
)

func testKey(t *testing.T, bits int) (*rsa.PrivateKey, Key) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	a := ParseKey("p="+base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&private.PublicKey)), "rsa")
	if a.Status != "" {
		t.Fatalf("%+v", a)
	}
	return private, a.Key
}

func TestASignatureShowsWithWhichKeyItWasMade(t *testing.T) {
	private, k := testKey(t, 1024)
	_, other := testKey(t, 1024)
	_, longer := testKey(t, 1032)
	digest := sha256.Sum256([]byte("text"))
	sign := func(hash crypto.Hash, digest []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, private, hash, digest)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	signature := sign(crypto.SHA256, digest[:])
	another := sha256.Sum256([]byte("another text"))
	if !madeOver(k, signature, digest) || !madeOver(k, sign(crypto.SHA256, another[:]), another) || !k.Recovers() || !k.Verify(digest[:], signature) {
		t.Error("a signature by the key is not known for one")
	}
	// The same number modulo N, where it is not too long.
	beyond := new(big.Int)
	for i := byte(0); beyond.BitLen() == 0 || beyond.BitLen() > 1024; i++ {
		digest := sha256.Sum256([]byte{i})
		beyond.SetBytes(sign(crypto.SHA256, digest[:])).Add(beyond, private.N)
		if i == 255 {
			t.Skip("no such number")
		}
	}
	changed := bytes.Clone(signature)
	changed[40] ^= 1
	sha1 := [20]byte{}
	for name, test := range map[string]struct {
		k         Key
		signature []byte
	}{
		"another key":      {other, signature},
		"a longer key":     {longer, signature},
		"changed":          {k, changed},
		"shortened":        {k, signature[1:]},
		"lengthened":       {k, append([]byte{0}, signature...)},
		"empty":            {k, nil},
		"the modulus":      {k, private.N.Bytes()},
		"beyond it":        {k, beyond.Bytes()},
		"zeros":            {k, make([]byte, len(signature))},
		"over SHA-1":       {k, sign(crypto.SHA1, sha1[:])},
		"over bare octets": {k, sign(0, digest[:])},
		"an Ed25519 key":   {Key{ed25519: make([]byte, ed25519.PublicKeySize)}, signature},
		"no key":           {Key{}, signature},
	} {
		if digest, made := test.k.Recover(test.signature); made || digest != nil {
			t.Errorf("%s: made with the key", name)
		}
		if test.k.Verify(digest[:], test.signature) {
			t.Errorf("%s verifies", name)
		}
	}
}

func TestAKeyThatIsRevokedIsGone(t *testing.T) {
	for record, gone := range map[string]bool{"p=": true, "v=DKIM1; k=ed25519; p= \t ": true, "v=DKIM1": false, "p=%": false, "": false, "v=DKIM2; p=": false} {
		if a := ParseKey(record, "rsa"); a.Gone != gone || a.Status != mail.PermError || a.Why == "" {
			t.Errorf("%q: %+v", record, a)
		}
	}
}

// madeOver reports whether Recover says that signature was made over digest.
func madeOver(k Key, signature []byte, digest [32]byte) bool {
	got, made := k.Recover(signature)
	return made && bytes.Equal(got, digest[:])
}

// The exponent decides how long a verification takes.
func TestPublicExponents(t *testing.T) {
	private, _ := testKey(t, 1024)
	for e, want := range map[int]mail.Status{
		3: "", 17: "", 257: "", 65537: "",
		1: mail.Policy, 2: mail.Policy, 5: mail.Policy, 65535: mail.Policy, 65539: mail.Policy, 1<<31 - 1: mail.Policy,
	} {
		der := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: private.N, E: e})
		if a := ParseKey("p="+base64.StdEncoding.EncodeToString(der), "rsa"); a.Status != want || (a.Why == "") != (want == "") {
			t.Errorf("%d: %s %s", e, a.Status, a.Why)
		}
	}
}
