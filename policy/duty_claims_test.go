package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// evidenceOf collects a message that a stranger handed to the provider; above
// stands over the provider's Received field and below beneath it.
func evidenceOf(t *testing.T, above, below, text string) Evidence {
	t.Helper()
	hop := "Received: from mail.origin.example (mail.origin.example [203.0.113.5]) by mx1.provider.example (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 08:59:58 +0000\r\n"
	e, err := collector(t).collected(t.Context(), transaction(t, "", "a@partner.example", above+hop+below+text), viaProvider, Given{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// chain is an ARC chain of n sets in which every seal says that all was well.
func chain(n int) string {
	var b strings.Builder
	for i := n; i > 0; i-- {
		cv := "pass"
		if i == 1 {
			cv = "none"
		}
		fmt.Fprintf(&b, "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=partner.example; s=sel; t=1795338000; b=QUJD\r\n", i, cv)
		fmt.Fprintf(&b, "ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=partner.example; s=sel; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=QUJD\r\n", i)
		fmt.Fprintf(&b, "ARC-Authentication-Results: i=%d; provider.example; spf=pass smtp.mailfrom=partner.example; dkim=pass header.d=partner.example; dmarc=pass header.from=partner.example\r\n", i)
	}
	return b.String()
}

// Whatever a chain says that is forged, or that nobody believes, every other field
// of the evidence and the verdict are the same as without it, whoever is named as
// a sealer. RFC 8617, Section 5.2.
func TestDuty_B4(t *testing.T) {
	for _, text := range []string{message("a@partner.example"), message("bob@example.com"), signed(t, message("a@partner.example")) + "footer\r\n", message("a@unknown.example")} {
		plain := evidenceOf(t, "", "", text)
		want := Decide(&Rules{}, &plain)
		if want.Disposition == Relay {
			t.Fatalf("nothing to be lifted: %+v", want)
		}
		for _, n := range []int{1, 2, 50, 51, 200} {
			for _, place := range []string{"above", "below"} {
				above, below := chain(n), ""
				if place == "below" {
					above, below = below, above
				}
				e := evidenceOf(t, above, below, text)
				if e.ARC.Result != mail.Fail || e.ARC.Why == "" || len(e.ARC.Sets) > maxSets {
					t.Errorf("%d sets: ARC %+v", n, e.ARC)
				}
				if got := Decide(&Rules{Sealers: []mail.Domain{"partner.example"}}, &e); !reflect.DeepEqual(got, want) {
					t.Errorf("%d forged sets change the verdict: %+v, want %+v", n, got, want)
				}
				e.ARC = plain.ARC
				if !reflect.DeepEqual(e, plain) {
					t.Errorf("%d sets %s change the evidence:\n%+v\n%+v", n, place, e, plain)
				}
				for _, state := range []mail.Status{mail.Pass, mail.Fail, mail.None} {
					e.ARC.Result = state
					if got := Decide(&Rules{}, &e); !reflect.DeepEqual(got, want) {
						t.Errorf("an ARC result of %s changes the verdict: %+v, want %+v", state, got, want)
					}
				}
			}
		}
	}
}

// Results that are not known to be the provider's are not even recorded, in
// whatever place and under whatever name: RFC 8601, Section 7.1.
func TestDuty_B5(t *testing.T) {
	for _, text := range []string{message("a@partner.example"), message("bob@example.com"), message("a@broken.example"), message("a@he1se.de")} {
		plain := evidenceOf(t, "", "", text)
		want := Decide(&Rules{}, &plain)
		if want.Disposition == Relay {
			t.Fatalf("nothing to be lifted: %+v", want)
		}
		for _, id := range []string{"provider.example", "mx1.provider.example", "mx.example.com", "PROVIDER.example", `"provider.example"`, "provider.example 1"} {
			for _, name := range []string{"Authentication-Results", "authentication-results ", "X-Original-Authentication-Results", "Received-SPF"} {
				forged := name + ": " + id + "; spf=pass smtp.mailfrom=partner.example; dkim=pass header.d=example.com;\r\n dmarc=pass header.from=partner.example; arc=pass\r\n"
				for _, e := range []Evidence{evidenceOf(t, forged, "", text), evidenceOf(t, "", forged, text), evidenceOf(t, forged, forged, text)} {
					if !reflect.DeepEqual(e, plain) {
						t.Errorf("%s by %s changes the evidence:\n%+v\n%+v", name, id, e, plain)
					}
					if got := Decide(&Rules{}, &e); !reflect.DeepEqual(got, want) {
						t.Errorf("%s by %s changes the verdict: %+v, want %+v", name, id, got, want)
					}
				}
			}
		}
	}
}
