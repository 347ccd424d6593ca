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

// notExposed explains expectations that Result cannot meet because it does not
// tell such a thing.
var notExposed = map[string]string{
	"p":                         "Policy is the one that applies to the author domain; it is compared where p applies",
	"sp":                        "the record's other policies are not told; Policy is the one that applies",
	"pct":                       "RFC 9989, Appendix A.6 removed pct; it is ignored",
	"alignment.dkim.underSized": "l= is judged in policy/dkim, which never passes such a signature",
	"alignment.dkim.strict":     "the mode is not told, only whether an identity is aligned",
	"alignment.spf.strict":      "the mode is not told, only whether an identity is aligned",
}

// missed explains the cases that do not pass.
var missed = map[string]string{}

func TestMailauthSuites(t *testing.T) {
	for _, file := range []string{"mailauth-rfc9989-dmarcbis.json", "mailauth-dmarc-verify.json"} {
		t.Run(file, func(t *testing.T) { runSuite(t, corpustest.Path(t, "dmarc/"+file)) })
	}
}

func runSuite(t *testing.T, path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	passed, compared, left := 0, 0, map[string]int{}
	for _, tc := range cases {
		good := true
		for _, call := range tc.Calls {
			id := Identifiers{Author: authorOf(t, call.Input.HeaderFrom)}
			for _, d := range call.Input.DKIMDomains {
				id.DKIM = append(id.DKIM, Signature{mail.Domain(d.Domain), mail.Pass})
			}
			for _, d := range call.Input.SPFDomains {
				id.SPF, id.SPFDomain = mail.Pass, mail.Domain(d.Domain)
			}
			got := Evaluate(t.Context(), dns.MustSnapshot(t, zoneText(t, tc.Zone)), id)
			told := map[string]string{"status.result": string(got.Status), "policy": got.Policy, "domain": string(got.Domain), "rr": got.Record}
			if got.Domain == id.Author {
				told["p"] = got.Policy
			}
			for _, want := range call.Expect {
				have, ok := told[want.Path]
				if !ok {
					if notExposed[want.Path] == "" {
						t.Errorf("%s: no argument for leaving out %q", tc.Name, want.Path)
					}
					left[want.Path]++
					continue
				}
				compared++
				value := fmt.Sprint(want.Value)
				if want.Op == "to.contain" && strings.Contains(have, value) || want.Op == "to.equal" && have == value {
					continue
				}
				good = false
				if missed[tc.Name] == "" {
					t.Errorf("%s: %s = %q, want %s %q (%s)", tc.Name, want.Path, have, want.Op, value, got.Why)
				}
			}
		}
		switch {
		case good && missed[tc.Name] != "":
			t.Errorf("%s passes and is listed as missed", tc.Name)
		case good:
			passed++
		}
	}
	t.Logf("passed %d/%d (%d expectations compared; not exposed by Result: %v)", passed, len(cases), compared, left)
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
