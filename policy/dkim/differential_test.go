package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"strings"
	"testing"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// byLibrary verifies raw with go-msgauth alone, by the answers of r, and returns
// the domains whose signatures pass, sorted.
func byLibrary(t *testing.T, raw []byte, r dns.Resolver) []string {
	t.Helper()
	if !bytes.Contains(raw, []byte("\r\n\r\n")) { // D6
		raw = append(bytes.Clone(raw), "\r\n"...)
	}
	verifications, err := library.VerifyWithOptions(bytes.NewReader(raw), &library.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			answer, err := r.TXT(context.Background(), name)
			if err != nil {
				return nil, dns.NetError(err)
			}
			return answer.Records, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	passed := []string{}
	for _, v := range verifications {
		if v.Err == nil {
			passed = append(passed, strings.ToLower(v.Domain))
		}
	}
	slices.Sort(passed)
	return passed
}

// byUs is the same by Verify.
func byUs(t *testing.T, c corpusCase) []string {
	t.Helper()
	passed := []string{}
	for _, r := range Verify(t.Context(), c.zone, message(t, c.raw), "", c.now) {
		if r.Status == mail.Pass {
			passed = append(passed, string(r.Domain))
		}
	}
	slices.Sort(passed)
	return passed
}

// Whatever stands in the suites: we let the signatures pass that go-msgauth lets
// pass, and no others. What is known to differ stands in TestKeys,
// TestAKeyMayForbidSubdomains and TestWhatTheLibraryMisreads.
func TestDifferentialOverTheSuites(t *testing.T) {
	passed := 0
	cases := slices.Concat(mailDKIM(t), dkimpy(t), stalwart(t), mimeKit(t), spamAssassin(t))
	for _, c := range cases {
		theirs, ours := byLibrary(t, c.raw, c.zone), byUs(t, c)
		if !slices.Equal(theirs, ours) {
			t.Errorf("%s: go-msgauth lets %q pass, we %q", c.id, theirs, ours)
		}
		passed += len(ours)
	}
	t.Logf("%d messages, %d signatures pass", len(cases), passed)
	if passed == 0 {
		t.Error("nothing was compared")
	}
}

// Every kind of key and canonicalization, over bodies of every kind, on both
// sides of what the library judges in the product: as signed, and with an octet
// changed at many places.
func TestDifferentialOverGeneratedMessages(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		"", "\r\n", "\r\n\r\n\r\n", "x", "no line end \t", " \r\n\t\r\n", "a  b\tc \r\n \r\n\r\n", "\tindented  twice\r\n", "trailing \t\r\n\r\n",
		"bare\nline\nends\n\n", "! ! !! \x01\x02 \xff\r\n", strings.Repeat("a line of text, and  one more \r\n", 200), strings.Repeat(" ", 5000) + "\r\n", strings.Repeat("\r\n", 2000) + "x",
	}
	headers := []string{
		"From: erika@example.com\r\nTo: max@example.net\r\nSubject: text\r\n",
		"FROM : erika@example.com\r\nTo:\tmax@example.net ,\r\n\t other@example.net\r\nSubject:\r\n  folded  \t twice\r\n \t\r\n",
		"From: erika@example.com\r\nX-Odd: one\r\nSubject: two\r\nX-Odd: \xff\v\f\u00a0\r\nTo: max@example.net\r\n",
	}
	canons := []library.Canonicalization{library.CanonicalizationSimple, library.CanonicalizationRelaxed}
	compared, passed := 0, 0
	for _, signer := range []crypto.Signer{edKey, rsaKey(), small} {
		z := zone(t, keyRecord(signer.Public())).Resolver.(*dns.Snapshot)
		for i, body := range bodies {
			header := headers[i%len(headers)]
			for j := range 4 {
				raw := []byte(sign(t, header+"\r\n"+body, func(o *library.SignOptions) {
					o.Signer, o.HeaderCanonicalization, o.BodyCanonicalization = signer, canons[j/2], canons[j%2]
					o.HeaderKeys = []string{"From", "From", "To", "Subject", "X-Odd"}
				}))
				for at := -1; at < len(raw); at += 1 + len(raw)/12 {
					c := corpusCase{raw: bytes.Clone(raw), zone: z, now: signingTime(raw)}
					if at >= 0 {
						c.raw[at] ^= 2 // it makes no CR and no LF
					}
					theirs, ours := byLibrary(t, c.raw, z), byUs(t, c)
					if !slices.Equal(theirs, ours) || at < 0 && len(ours) == 0 {
						t.Errorf("octet %d: go-msgauth lets %q pass, we %q: %q", at, theirs, ours, c.raw)
					}
					compared++
					passed += len(ours)
				}
			}
		}
	}
	t.Logf("%d messages, %d pass", compared, passed)
}
