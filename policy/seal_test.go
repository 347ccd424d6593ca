package policy

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/provider"
)

// seal puts an ARC set of d above a message. It is a sealer for tests, after RFC
// 8617, Section 5.1, for header fields of one line and bodies without white space
// at line ends: it shares no code with the verifier. All d have signingKey.
func seal(t testing.TB, d, cv, results, text string) string {
	t.Helper()
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	fields := strings.Split(header, "\r\n")
	i := strings.Count(strings.ToLower(header), "arc-seal:") + 1
	sign := func(data string) string {
		digest := sha256.Sum256([]byte(data))
		b, err := rsa.SignPKCS1v15(rand.Reader, signingKey(), crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	named := func(name string) string {
		for _, f := range fields {
			if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
				return strings.ToLower(n) + ":" + strings.Join(strings.Fields(v), " ") + "\r\n"
			}
		}
		return ""
	}
	bh := sha256.Sum256([]byte(body))
	aar := fmt.Sprintf("ARC-Authentication-Results: i=%d; %s", i, results)
	ams := fmt.Sprintf("ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=sel; t=%d; h=from:to:subject; bh=%s; b=",
		i, d, at.Unix(), base64.StdEncoding.EncodeToString(bh[:]))
	ams += sign(named("From") + named("To") + named("Subject") + strings.TrimSuffix(canonicalField(ams), "\r\n"))
	as := fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; t=%d; cv=%s; d=%s; s=sel; b=", i, at.Unix(), cv, d)
	var chain strings.Builder
	for n := 1; n < i; n++ {
		for _, name := range []string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"} {
			for _, f := range fields {
				if strings.HasPrefix(f, fmt.Sprintf("%s: i=%d;", name, n)) {
					chain.WriteString(canonicalField(f))
				}
			}
		}
	}
	chain.WriteString(canonicalField(aar) + canonicalField(ams) + strings.TrimSuffix(canonicalField(as), "\r\n"))
	as += sign(chain.String())
	return strings.Join([]string{as, ams, aar, text}, "\r\n")
}

func canonicalField(f string) string {
	name, value, _ := strings.Cut(f, ":")
	return strings.ToLower(name) + ":" + strings.Join(strings.Fields(value), " ") + "\r\n"
}

// sealers is the zone in which these sign, too.
func sealers(t testing.TB, names ...string) *dns.Snapshot {
	z := zone(t)
	for _, d := range names {
		z.Add("sel._domainkey."+d, "TXT", keyRecord(t))
	}
	return z
}

// keyRecord is what is published for signingKey.
func keyRecord(t testing.TB) string {
	t.Helper()
	answer, err := zone(t).TXT(context.Background(), "sel._domainkey.partner.example")
	if err != nil {
		t.Fatal(err)
	}
	return answer.Records[0]
}

// viaGoogle is a source of a provider that seals.
var viaGoogle = provider.Source{Name: "workspace", Provider: "google", Ranges: viaProvider.Ranges, Origin: provider.OriginTrace, ReceivedBy: []string{"provider.example"}}
