package spf

import (
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

const explainedZone = `
	example.com          TXT "v=spf1 ip4:192.0.2.66 -all exp=why.example.com"
	why.example.com      TXT "%{c} may not send for %{o}; see http://www.example.com/?s=%{S}."
	hop.example          TXT "v=spf1 exp=why.hop.example redirect=example.com"
	why.hop.example      TXT "not this one"
	twohops.example      TXT "v=spf1 redirect=hop.example"
	inc.example          TXT "v=spf1 -include:open.example exp=why.inc.example"
	why.inc.example      TXT "the outer one, %{d}"
	open.example         TXT "v=spf1 +all exp=why.hop.example"
	incredirect.example  TXT "v=spf1 include:hop.example -all"
	away.example         TXT "v=spf1 include:hop.example redirect=inc.example"
	huge.example         TXT "v=spf1 -all exp=why.huge.example"
	soft.example         TXT "v=spf1 ~all exp=why.hop.example"
	hostile.example      TXT "v=spf1 -all exp=why.hostile.example"
	why.hostile.example  TXT "%{l}!"
	long.example         TXT "v=spf1 -all exp=why.long.example"
	cr.example           TXT "v=spf1 -all exp=why.cr.example"
	why.cr.example       TXT "one\r\n250 two"
	slow.example         TXT "v=spf1 -all exp=why.slow.example"
	why.slow.example     TXT TIMEOUT
	wrong.example        TXT "v=spf1 -all exp=why.wrong.example"
	why.wrong.example    TXT "100% wrong"
	odd.example          TXT "v=spf1 -all exp=%{l}.example.com"
	two.example          TXT "v=spf1 -all exp=why.two.example"
	why.two.example      TXT "one"
	why.two.example      TXT "two"
	blank.example        TXT "v=spf1 -all exp=why.blank.example"
	why.blank.example    TXT "   "
`

func TestExplanation(t *testing.T) {
	zone := dns.MustSnapshot(t, explainedZone)
	zone.Add("why.long.example", "TXT", strings.Repeat("x", 290)+"%{l}%{l}%{l}%{l}")
	zone.Add("why.huge.example", "TXT", strings.Repeat("x", maxPublishedOctets+1))
	for _, c := range []struct {
		from, want string
		status     mail.Status
	}{
		{"a&b@example.com", "192.0.2.7 may not send for example.com; see http://www.example.com/?s=a%26b%40example.com.", mail.Fail},
		{"a@hop.example", "192.0.2.7 may not send for hop.example; see http://www.example.com/?s=a%40hop.example.", mail.Fail},
		{"a@twohops.example", "192.0.2.7 may not send for twohops.example; see http://www.example.com/?s=a%40twohops.example.", mail.Fail},
		{"a@inc.example", "the outer one, inc.example", mail.Fail},
		{"a@incredirect.example", "", mail.Fail},
		{"a@away.example", "the outer one, inc.example", mail.Fail},
		{"a@huge.example", "", mail.Fail},
		{"a@soft.example", "", mail.SoftFail},
		{"a@open.example", "", mail.Pass},
		{"abc@hostile.example", "abc!", mail.Fail},
		{"\u00fc\u202e@hostile.example", "??!", mail.Fail},
		{"abcd@long.example", strings.Repeat("x", 290) + "abcdabcdab", mail.Fail},
		{"a@cr.example", "", mail.Fail},
		{"a@slow.example", "", mail.Fail},
		{"a@wrong.example", "", mail.Fail},
		{`"a..b"@odd.example`, "", mail.Fail},
		{"a@two.example", "", mail.Fail},
		{"a@blank.example", "", mail.Fail},
	} {
		got := Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, c.from))
		if got.Explanation != c.want || got.Status != c.status {
			t.Errorf("%s: %+v, want %q", c.from, got, c.want)
		}
	}
}

func TestOnlyAFailAsksForItsExplanation(t *testing.T) {
	for _, c := range []struct{ client, from, want string }{
		{"192.0.2.66", "a@example.com", "TXT example.com"},
		{"192.0.2.7", "a@example.com", "TXT example.com, TXT why.example.com"},
		{"192.0.2.7", `"a..b"@odd.example`, "TXT odd.example"}, // no name
	} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, explainedZone)}
		Check(t.Context(), zone, netip.MustParseAddr(c.client), "h.example", address(t, c.from))
		if got := strings.Join(zone.asked, ", "); got != c.want {
			t.Errorf("%s from %s: asked %s", c.from, c.client, got)
		}
	}
}

// The budget of the message may be spent by then, and the result stands.
func TestAnExplanationThatCannotBeAskedForChangesNothing(t *testing.T) {
	zone := dns.Limited(dns.MustSnapshot(t, explainedZone), 1)
	got := Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
	if got.Status != mail.Fail || got.Explanation != "" || got.Term != "-all" {
		t.Errorf("%+v", got)
	}
}
