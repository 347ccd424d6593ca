package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/policy"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

func parsed(t *testing.T, text string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The look at the first octet must not let anything through that the whole name
// would not.
func TestFieldsInOurNameAreStrippedHoweverTheyAreWritten(t *testing.T) {
	for field, want := range map[string]bool{
		"X-Mxgate-Verdict: relay":                        true,
		"x_mXGATE_why: nothing":                          true,
		"\x01X-Mxgate-Verdict: relay":                    true,
		"\xc3\xa4X-Mxgate-Verdict: relay":                true,
		"X-Mxgate-Verdict : relay":                       true,
		"Authentication-Results: gate.example.com; x":    true,
		"\x7fauthentication_results: gate.example.com":   true,
		"Authentication-Results: other.example.com; x":   false,
		"Authentication-Results: gate.example.com\r1; x": true,
		"Authentication-Results: x\rgate.example.com; x": true,
		"Authentication-Results:\r\n gate.example.com;x": true,
		"Authentication-Results: gate.example.com":       true,
		"Subject: X-Mxgate-Verdict":                      false,
		"X-Mailer: mxgate":                               false,
		"Received: from x by gate.example.com (mxgate)":  false,
	} {
		m := parsed(t, field+"\r\n\r\n")
		if got := (stripping{authservID: "gate.example.com"}).strips(m.Fields[0]); got != want {
			t.Errorf("%q: %t", field, got)
		}
	}
}

// What is said of a chain, of a broken signature and of a lift can be read again.
func TestDuty_H7_ChainsAndLifts(t *testing.T) {
	lifts := []policy.Lift{{Reason: policy.DMARCFail, By: policy.BySealer, Name: "list.example"}}
	for _, c := range []struct {
		name  string
		e     policy.Evidence
		lifts []policy.Lift
		want  []string
	}{
		{"no chain", policy.Evidence{}, nil, []string{"spf=none", "dkim=none", "dmarc=none"}},
		{"none", policy.Evidence{ARC: policy.ARC{Result: mail.None}}, nil, []string{"spf=none", "dkim=none", "dmarc=none"}},
		{"a chain that holds", policy.Evidence{Origin: policy.Origin{IP: "203.0.113.5"}, ARC: policy.ARC{Result: mail.Pass}}, nil,
			[]string{"arc=pass smtp.remote-ip=203.0.113.5 header.oldest-pass=0"}},
		{"one that was changed since", policy.Evidence{Origin: policy.Origin{IP: "2001:db8::5"}, ARC: policy.ARC{Result: mail.Pass, OldestPass: 2}}, nil,
			[]string{"arc=pass smtp.remote-ip=2001:db8::5 header.oldest-pass=2"}},
		{"one that is broken", policy.Evidence{ARC: policy.ARC{Result: mail.Fail, Why: "the seal of set 1 does not hold"}}, nil,
			[]string{"arc=fail (the seal of set 1 does not hold)"}},
		{"one that could not be checked", policy.Evidence{ARC: policy.ARC{Result: mail.TempError, Why: "127.0.0.53 is silent"}}, nil, []string{"arc=temperror (DNS did not answer)"}},
		{"a lift", policy.Evidence{DMARC: policy.DMARC{Result: mail.Fail, Policy: "reject"}, Author: policy.Author{Domain: "partner.example"}}, lifts,
			[]string{"dmarc=fail header.from=partner.example policy.dmarc=reject policy.lifted=list.example"}},
		{"an aligned author needs none", policy.Evidence{DMARC: policy.DMARC{Result: mail.Pass, SPFAligned: true}, Author: policy.Author{Domain: "partner.example"}}, lifts,
			[]string{"dmarc=pass header.from=partner.example"}},
		{"a broken signature", policy.Evidence{DKIM: []policy.DKIM{{Result: mail.Fail, Domain: "partner.example", Selector: "s", Algorithm: "rsa-sha256", B: "abcdefgh", Why: "the body was changed"}}}, nil,
			[]string{"dkim=fail (the body was changed) header.d=partner.example header.s=s header.a=rsa-sha256 header.b=abcdefgh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			field, err := authres.Parse(authres.Format("gate.example.com", authMethods(&c.e, c.lifts)))
			if err != nil || len(field.Defects) > 0 {
				t.Fatal(err, field.Defects)
			}
			var got []string
			for _, m := range field.Methods {
				text := m.Name + "=" + string(m.Status)
				if m.Reason != "" && m.Status != mail.None {
					text += " (" + m.Reason + ")"
				}
				for _, p := range m.Properties {
					text += " " + p.Type + "." + p.Name + "=" + p.Value
				}
				got = append(got, text)
			}
			for _, want := range c.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
			if strings.HasPrefix(c.want[0], "spf") && len(got) != len(c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
	e := policy.Evidence{Path: policy.Path{Verdict: policy.ViaCurrent, Source: "the \"gate\"\r\n", Provider: "proofpoint", Tenancy: provider.Tenancy{State: provider.Foreign, Why: "No."}}}
	block := headerBlock("gate.example.com", &mail.Transaction{ID: "tx"}, &e, policy.Verdict{Disposition: policy.Relay, Reason: policy.Clean, Sentence: "Believed.", Lifted: append(lifts, policy.Lift{Reason: policy.DMARCNoneWeak})}, "enforce")
	if want := "\r\nX-Mxgate-Verdict: relay; reason=clean; lifted=dmarc-fail,dmarc-none-weak;\r\n\tmode=enforce; id=tx\r\nX-Mxgate-Path: via_current; source=\"the \\\"gate\\\"\\r\\n\"; provider=proofpoint;\r\n\ttenancy=foreign\r\nX-Mxgate-Why: Believed.\r\n"; !strings.HasSuffix(block, want) {
		t.Errorf("%q", block)
	}
}

func TestALoopIsSeenHoweverTheTraceIsFolded(t *testing.T) {
	ours := "Received: from a ([192.0.2.1])\r\n\tby gate.example.com (mxgate) with ESMTP\r\n"
	folded := "RECEIVED: from a\r\n\tBY  Gate.Example.COM\r\n (MXGATE) with ESMTP\r\n"
	other := "Received: from a by mxgate.example.org with ESMTP\r\n"
	for text, want := range map[string]bool{
		ours:                       false, // once is a way home
		ours + folded:              true,
		ours + other + other:       false,
		strings.Repeat(other, 100): true,
		strings.Repeat(other, 99):  false,
		ours + strings.Repeat("X-Received: by gate.example.com (mxgate)\r\n", 3): false,
	} {
		if got := loops(parsed(t, text+"\r\n"), "gate.example.com"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ~ text":            "plain ~ text",
		"":                        "",
		"a\r\nb\x7f":              "a??b?",
		"\u0435xample":            "U+0435xample",
		"bad \xff":                "bad U+FFFD",
		"he‹1›se.de":              "he[1]se.de",
		"h‹\u0435›ise.de, …3000":  "h[U+0435]ise.de, ...3000",
		strings.Repeat("x", 800):  strings.Repeat("x", 800),
		strings.Repeat("x", 1000): strings.Repeat("x", 800),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestFoldKeepsLinesShort(t *testing.T) {
	var b strings.Builder
	fold(&b, "X-Mxgate-Why", strings.Repeat("word ", 100)+strings.Repeat("y", 100))
	field := b.String()
	for i, line := range strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n") {
		line = strings.Replace(line, "\t", strings.Repeat(" ", 8), 1)
		if i > 0 && line[0] != ' ' || len(line) > 78 && !strings.HasSuffix(line, "y") {
			t.Errorf("line %d: %q", i, line)
		}
	}
	if got, want := strings.Join(strings.Fields(field), " "), fmt.Sprint("X-Mxgate-Why: ", strings.Repeat("word ", 100), strings.Repeat("y", 100)); got != want {
		t.Errorf("%q", got)
	}
}
