package spf

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mxgate/policy/corpustest"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// notPassed holds the cases of the RFC 7208 suite whose result differs, with
// the reason why ours is right or is accepted.
var notPassed = map[string]string{}

// scenario is one document of the suite.
type scenario struct {
	Description string
	Tests       map[string]struct {
		Helo, Host, Mailfrom string
		Result               results
		Explanation          string // DEFAULT is that of the receiver: the domain gave none
	}
	Zonedata map[string][]yaml.Node
}

// results are the accepted ones.
type results []string

func (r *results) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(r))
	}
	*r = results{n.Value}
	return nil
}

func TestRFC7208Suite(t *testing.T) {
	file, err := os.Open(corpustest.Path(t, "spf/rfc7208-tests-2014.05.yml"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	passed, total, explained := 0, 0, 0
	for decoder := yaml.NewDecoder(file); ; {
		var s scenario
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		zone := s.zone(t)
		for id, test := range s.Tests {
			total++
			got := Check(t.Context(), zone, netip.MustParseAddr(test.Host), test.Helo, reversePath(test.Mailfrom))
			reason, listed := notPassed[id]
			ok := slices.Contains(test.Result, string(got.Status))
			if test.Explanation != "" {
				explained++
				// The suite compares without regard to case: digits of an
				// IPv6 address may have either.
				ok = ok && strings.EqualFold(got.Explanation, strings.TrimPrefix(test.Explanation, "DEFAULT"))
			}
			switch {
			case ok && listed:
				t.Errorf("%s / %s passes, but is listed: %s", s.Description, id, reason)
			case ok:
				passed++
			case listed:
				t.Logf("%s / %s: %s, want %v: %s", s.Description, id, got.Status, test.Result, reason)
			default:
				t.Errorf("%s / %s: %+v, want %v, %q", s.Description, id, got, test.Result, test.Explanation)
			}
			if got.Why == "" || got.Identity == "" {
				t.Errorf("%s / %s: nothing is said about %+v", s.Description, id, got)
			}
		}
	}
	t.Logf("suite: SPF, RFC 7208 (openspf 2014.05) | passed %d | of %d | argued %d", passed, total, len(notPassed))
	if total != 193 || explained != 22 {
		t.Errorf("the suite has %d cases, %d with an explanation", total, explained)
	}
}

// zone returns the zone data as a Resolver. SPF (type 99) records stand for TXT
// records at a name that has none; "TXT: NONE" says that it really has none.
func (s *scenario) zone(t *testing.T) dns.Resolver {
	t.Helper()
	zone := dns.MustSnapshot(t, "")
	for name, entries := range s.Zonedata {
		held := map[string][]string{}
		timeout := false
		for _, n := range entries {
			if n.Kind == yaml.ScalarNode {
				timeout = n.Value == "TIMEOUT"
				continue
			}
			held[n.Content[0].Value] = append(held[n.Content[0].Value], record(n.Content[0].Value, n.Content[1]))
		}
		if held["TXT"] == nil {
			held["TXT"] = held["SPF"]
		}
		for _, typ := range []string{"TXT", "A", "AAAA", "MX", "PTR", "CNAME"} {
			for _, data := range held[typ] {
				if data != "NONE" {
					zone.Add(name, typ, data)
				}
			}
			if data, _ := zone.Raw(name, typ); timeout && data == nil && typ != "CNAME" {
				zone.Add(name, typ, "TIMEOUT")
			}
		}
	}
	return nullMX{zone}
}

// record returns the data of one record as zone text.
func record(typ string, n *yaml.Node) string {
	if n.Kind != yaml.SequenceNode {
		return n.Value
	}
	var parts []string
	for _, c := range n.Content {
		parts = append(parts, c.Value)
	}
	if typ == "MX" {
		return strings.TrimSpace(strings.Join(parts, " "))
	}
	return strings.Join(parts, "")
}

// nullMX reads an MX record without a host, which zone text cannot write.
type nullMX struct{ *dns.Snapshot }

func (z nullMX) MX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	if data, _ := z.Raw(name, "MX"); len(data) == 1 && !strings.Contains(data[0], " ") {
		return dns.Answer[dns.MX]{Records: []dns.MX{{}}}, nil
	}
	return z.Snapshot.MX(ctx, name)
}

// reversePath reads a mailbox of the suite, some of which no MAIL command could
// hold.
func reversePath(s string) mail.Address {
	if a, _, err := mail.ParsePath("<" + s + ">"); err == nil {
		return a
	}
	at := strings.LastIndexByte(s, '@')
	return mail.Address{Local: s[:max(at, 0)], Domain: mail.Domain(s[at+1:])}
}
