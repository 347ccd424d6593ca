package trace

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/arc"
	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// A chain that holds, of ValiMail's suite, below a hop of ours: its sealer is
// made the provider's.
func TestASealOfTheProviderCountsIfItHolds(t *testing.T) {
	raw, err := os.ReadFile(corpustest.Path(t, "arc/arc-validation.json"))
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Scenarios map[string]struct {
			Records map[string]string `json:"txt-records"`
		}
		Cases []struct{ Scenario, Test, Message, CV string }
	}
	if err := json.Unmarshal(raw, &suite); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, c := range suite.Cases {
		zone := dns.MustSnapshot(t, "")
		for name, data := range suite.Scenarios[c.Scenario].Records {
			zone.Add(name, "TXT", strings.TrimSpace(data))
		}
		tr := tracer(t, ourSide, Options{Resolver: zone})
		content := own("192.0.2.9", nov26) + strings.ReplaceAll(strings.ReplaceAll(c.Message, "\r\n", "\n"), "\n", "\r\n")
		m, err := mail.ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		newest := ""
		if r := arc.Verify(t.Context(), zone, m, noTime.AddDate(2025, 0, 0)); r.Status == mail.Pass {
			newest = string(r.Sets[len(r.Sets)-1].Sealer)
		}
		if (newest != "") != (c.CV == "Pass") {
			t.Errorf("%s: sealer %q", c.Test, newest)
		}
		for _, sealer := range []string{"example.org", "example.net"} {
			tr.config.Sources[1].entry.ARCDomains = []string{sealer}
			got, err := tr.Trace(t.Context(), Input{Content: []byte(content)})
			if err != nil {
				t.Fatal(err)
			}
			holds := slices.ContainsFunc(got.Evidence, func(p Point) bool { return p.Code == "arc-verified" })
			if want := newest == sealer; holds != want {
				t.Errorf("%s, sealer %s: verified %t: %+v", c.Test, sealer, holds, got.Evidence)
			}
			if holds {
				verified++
			}
			// Below the provider's border a seal of it came with the message.
			replayed := own("192.0.2.9", nov26) + mimecast("203.0.113.77", early) + content[len(own("192.0.2.9", nov26)):]
			if got, err = tr.Trace(t.Context(), Input{Content: []byte(replayed)}); err != nil || got.Client == nil || got.Client.IP != "203.0.113.77" {
				t.Fatalf("%s: %+v, %v", c.Test, got.Client, err)
			}
			if _, ok := codeOf(got, "arc-verified"); ok {
				t.Errorf("%s: a seal of another way counts", c.Test)
			}
		}
	}
	if verified == 0 {
		t.Error("no chain holds")
	}
}
