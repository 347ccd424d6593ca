package dmarc

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// suiteCase is a case of the mailauth suites.
type suiteCase struct {
	Name  string                                  `json:"name"`
	Zone  map[string]map[string][]json.RawMessage `json:"zone"`
	Calls []struct {
		Input struct {
			HeaderFrom  any `json:"headerFrom"`
			DKIMDomains []struct {
				Domain string `json:"domain"`
			} `json:"dkimDomains"`
			SPFDomains []struct {
				Domain string `json:"domain"`
			} `json:"spfDomains"`
		} `json:"input"`
		Expect []struct {
			Path  string `json:"path"`
			Op    string `json:"op"`
			Value any    `json:"value"`
		} `json:"expect"`
	} `json:"calls"`
}

// argued explains the cases that do not pass.
var argued = map[string]string{
	"Should track undersized DKIM signatures": "underSized counts the octets of the body behind l=. " +
		"policy/dkim never passes such a signature, so that nothing of it reaches an evaluation of DMARC; RFC 9989 has no such value",
}

func TestMailauthSuites(t *testing.T) {
	for _, file := range []string{"mailauth-rfc9989-dmarcbis", "mailauth-dmarc-verify"} {
		t.Run(file, func(t *testing.T) { runSuite(t, file, corpustest.Path(t, "dmarc/"+file+".json")) })
	}
}

func runSuite(t *testing.T, name, path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	passed, excused := 0, 0
	for _, tc := range cases {
		wrong := tc.wrong(t)
		switch {
		case len(wrong) == 0 && argued[tc.Name] != "":
			t.Errorf("%s passes and is listed as argued", tc.Name)
		case len(wrong) == 0:
			passed++
		case argued[tc.Name] != "":
			excused++
		default:
			t.Errorf("%s: %s", tc.Name, strings.Join(wrong, "; "))
		}
	}
	t.Logf("suite: DMARC, %s | passed %d | of %d | argued %d", name, passed, len(cases), excused)
}

// wrong returns the expectations that are not met.
func (tc suiteCase) wrong(t *testing.T) (wrong []string) {
	t.Helper()
	for _, call := range tc.Calls {
		id := Identifiers{Author: authorOf(t, call.Input.HeaderFrom)}
		for _, d := range call.Input.DKIMDomains {
			id.DKIM = append(id.DKIM, Signature{mail.Domain(d.Domain), mail.Pass})
		}
		for _, d := range call.Input.SPFDomains {
			id.SPF, id.SPFDomain = mail.Pass, mail.Domain(d.Domain)
		}
		got := Evaluate(t.Context(), dns.MustSnapshot(t, zoneText(t, tc.Zone)), id)
		told := map[string]string{
			"status.result": string(got.Status), "policy": got.Policy, "domain": string(got.Domain), "rr": got.Record,
			"p": got.Published.P, "sp": got.Published.SP, "pct": got.Published.Pct,
			"alignment.dkim.strict": fmt.Sprint(got.Published.ADKIM == "s"), "alignment.spf.strict": fmt.Sprint(got.Published.ASPF == "s"),
		}
		for _, want := range call.Expect {
			value := fmt.Sprint(want.Value)
			if word, ok := strings.CutPrefix(want.Op, "to.be."); ok {
				value = word
			}
			have, ok := told[want.Path]
			if ok && have == value || want.Op == "to.contain" && strings.Contains(have, value) {
				continue
			}
			wrong = append(wrong, fmt.Sprintf("%s = %q, want %s %q (%s)", want.Path, have, want.Op, value, got.Why))
		}
	}
	return wrong
}

func authorOf(t *testing.T, from any) mail.Domain {
	t.Helper()
	if list, ok := from.([]any); ok {
		from = list[0]
	}
	a, err := mail.ParseMailbox(fmt.Sprint(from))
	if err != nil {
		t.Fatal(err)
	}
	return a.Domain
}

// zoneText writes a zone of the suite as zone text.
func zoneText(t *testing.T, zone map[string]map[string][]json.RawMessage) string {
	t.Helper()
	var b strings.Builder
	for name, types := range zone {
		for typ, records := range types {
			for _, raw := range records {
				if typ != "TXT" { // existence is all that counts here
					fmt.Fprintf(&b, "%s HINFO x\n", name)
					continue
				}
				var parts []string
				if err := json.Unmarshal(raw, &parts); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%s TXT", name)
				for _, p := range parts {
					fmt.Fprintf(&b, " %q", p)
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
