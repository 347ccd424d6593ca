package dkim

import (
	"strings"
	"testing"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
)

// RFC 8301, Section 3.2; beyond 8192 bits nobody needs a key.
func TestDuty_B2_DKIM_KeyBits(t *testing.T) {
	raw := sign(t, plain, func(o *library.SignOptions) { o.Signer = rsaKey() })
	for bits, want := range map[uint]mail.Status{512: mail.Policy, 1023: mail.Policy, 1024: mail.Fail, 8192: mail.Fail, 8193: mail.Policy} {
		if got := verifyOne(t, raw, zone(t, rsaRecord(bits))); got.Status != want { // Fail: it was verified, with another key
			t.Errorf("%d bits: %+v", bits, got)
		}
	}
	if got := verifyOne(t, sign(t, plain, nil), zone(t, keyRecord(edKey.Public()))); got.Status != mail.Pass {
		t.Errorf("Ed25519: %+v", got)
	}
}

// Whoever has such a signature cannot append to the body: with l= it never
// passes, whether something was appended or not.
func TestDuty_B2_DKIM_BodyLength(t *testing.T) {
	signed := sign(t, plain, nil)
	z := zone(t, keyRecord(edKey.Public()))
	for _, l := range []string{"l=0", "l=5", "l=11", "l=999999", "l=", "l=x"} {
		raw := strings.Replace(signed, "v=1;", "v=1; "+l+";", 1)
		for _, raw := range []string{raw, raw + "appended\r\n"} {
			if got := verifyOne(t, raw, z); got.Status != mail.Policy || !strings.Contains(got.Why, "l=") || len(z.asked) > 0 {
				t.Errorf("%s: %+v, asked %q", l, got, z.asked)
			}
		}
	}
}
