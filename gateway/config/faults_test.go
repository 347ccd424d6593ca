package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// parseFaults returns the lines of the error that text leads to.
func parseFaults(t *testing.T, text string) []string {
	t.Helper()
	_, err := Parse("c.toml", []byte(text))
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("%T is no *Error", err)
	}
	return strings.Split(err.Error(), "\n")
}

// wantFault requires exactly one fault, with everything in want and no word of
// the TOML library or of Go.
func wantFault(t *testing.T, faults []string, want ...string) {
	t.Helper()
	if len(faults) != 1 {
		t.Fatalf("%d faults, want 1:\n%s", len(faults), strings.Join(faults, "\n"))
	}
	for _, w := range want {
		if !strings.Contains(faults[0], w) {
			t.Errorf("%s\ndoes not say %s", faults[0], w)
		}
	}
	if internal := regexp.MustCompile(`struct|config\.|strict\.| toml:|\[\]string|cannot (store|decode)|int64`).FindString(faults[0]); internal != "" {
		t.Errorf("%s\nshows the inside: %s", faults[0], internal)
	}
}

// In minimal hostname is line 2, [[source]] 3 to 6, [[domain]] 7 to 9.
func edited(old, new string) string { return strings.Replace(minimal, old, new, 1) }

func TestAWrongTypeIsToldInWords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a bare number for a duration", minimal + "[dns]\ntimeout = 5\n", []string{`c.toml:11: dns.timeout = 5: expected a duration in quotes, such as "30s", "5m" or "1h"; found a whole number`}},
		{"another", minimal + "[limits]\ndrain_timeout = 60\n", []string{"c.toml:11: limits.drain_timeout = 60", "duration"}},
		{"a negative duration", minimal + "[limits]\ndrain_timeout = \"-1s\"\n", []string{`c.toml:11: limits.drain_timeout = "-1s": expected`, "30s"}},
		{"one range without brackets", edited(`["192.0.2.0/24"]`, `"192.0.2.0/24"`), []string{`c.toml:5: source[0].ranges = "192.0.2.0/24": expected a list in brackets: ["192.0.2.0/24"]; found text`}},
		{"a number among ranges", edited(`["192.0.2.0/24"]`, "[\n\"192.0.2.0/24\",\n7]"), []string{"c.toml:7: source[0].ranges[1] = 7: expected text in quotes; found a whole number"}},
		{"an address that is a number", minimal + "[metrics]\naddress = 9925\n", []string{"c.toml:11: metrics.address = 9925: expected text in quotes; found a whole number"}},
		{"octets with a unit", minimal + "[limits]\nmessage_octets = \"50MB\"\n", []string{`c.toml:11: limits.message_octets = "50MB": expected a whole number without quotes or unit, such as 52428800; found text`}},
		{"octets with a fraction", minimal + "[limits]\nmessage_octets = 5e7\n", []string{"limits.message_octets", "found a number with a fraction"}},
		{"a word for a switch", minimal + "[tls]\nrequire = \"yes\"\n", []string{`c.toml:11: tls.require = "yes": expected true or false, without quotes; found text`}},
		{"a date in quotes", edited("[[domain]]", "valid_until = \"2027-01-31\"\n[[domain]]"), []string{`c.toml:7: source[0].valid_until = "2027-01-31": expected a date without quotes, such as 2027-01-31; found text`}},
		{"a date with a time", edited("[[domain]]", "valid_until = 2027-01-31T00:00:00Z\n[[domain]]"), []string{"c.toml:7: source[0].valid_until", "found a date with a time"}},
		{"people that are names", minimal + "[protect]\npeople = [\"Erika Mustermann\"]\n", []string{`c.toml:11: protect.people[0] = "Erika Mustermann": expected a table { name = ..., addresses = ... }; found text`}},
		{"a table where many are", edited("[[source]]", "[source]"), []string{"c.toml:3: source: expected [[source]] in double brackets, because there may be several; found one table"}},
		{"many where one table is", minimal + "[[metrics]]\naddress = \"127.0.0.1:9925\"\n", []string{"c.toml:10: metrics: expected [metrics] in single brackets, because there is only one; found a list of tables"}},
		{"a value where a table is", "dns = \"127.0.0.1\"\n" + minimal, []string{`c.toml:1: dns = "127.0.0.1": expected a table [dns]`, "found text"}},
		{"a disposition that is a number", minimal + "[policy.dispositions]\nlookalike = 1\n", []string{"c.toml:11: policy.dispositions.lookalike = 1: expected text in quotes"}},
		{"text unquoted", edited(`"gate.example.com"`, `gate.example.com`), []string{`c.toml:2: hostname = gate.example.com: text needs quotes: "gate.example.com"`}},
		{"ranges unquoted", edited(`["192.0.2.0/24"]`, `["192.0.2.0/24", 198.51.100.0/24] # ours`), []string{`c.toml:5: ranges`, `text needs quotes: "198.51.100.0/24"`}},
		{"a duration unquoted", minimal + "[dns]\ntimeout = 5s\n", []string{`c.toml:11: timeout = 5s: text needs quotes: "5s"`}},
		{"typographic quotes", edited(`"gate.example.com"`, `“gate.example.com”`), []string{`c.toml:2: hostname`, `straight quotes`}},
		{"a missing value", minimal + "mode =\n", []string{"c.toml:10: mode: a value is missing"}},
		{"a back-slash", minimal + "[tls]\ncert_file = \"C:\\certs\"\n", []string{"c.toml:11: cert_file", "single quotes"}},
		{"both kinds of brackets", minimal + "[source]\nname = \"b\"\n", []string{"c.toml:10", "[[source]]", "double brackets"}},
		{"a key given twice", minimal + "next_hop = \"x:25\"\n", []string{"c.toml:10: next_hop", "already defined"}},
		{"no TOML at all", "hostname: gate\n", []string{"c.toml:1", "expected '=' after key"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	if faults := parseFaults(t, "\ufeff"+minimal); faults != nil {
		t.Error(faults)
	}
}

func TestUnknownKeysAreReportedWithEverythingElse(t *testing.T) {
	faults := parseFaults(t, strings.NewReplacer("hostname", "hostnam", "ranges = [\"192.0.2.0/24\"]", "ranges = [\"192.0.2.0/33\"]\nlisten = 1").Replace(minimal)+
		"[limits]\nrecipient = 5\nhostname = \"x\"\n[dns]\ntimeout = 5\n[tls]\nmessage_octets = 1\n[colour]\n")
	want := []string{
		"c.toml:2: hostnam: unknown key: did you mean hostname?",
		`c.toml:5: source[0].ranges[0] = "192.0.2.0/33": expected a network such as 192.0.2.0/24 or 2001:db8::/32`,
		"c.toml:6: source[0].listen: unknown key: expected one of name, provider, ranges, received_by, valid_from, valid_until, origin, published, tenant, bind_header, bind_certificate, bind_tenant, bind_listener, xclient, connections_per_minute, near_miss, authserv_ids",
		"c.toml:12: limits.recipient: unknown key: did you mean recipients?",
		"c.toml:13: limits.hostname: unknown key here: it belongs at the top of the file, above the first [table]",
		`c.toml:15: dns.timeout = 5: expected a duration in quotes, such as "30s", "5m" or "1h"; found a whole number`,
		"c.toml:17: tls.message_octets: unknown key here: it belongs into [limits]",
		"c.toml:18: colour: unknown key: expected one of hostname, data_dir, mode, log, listener, tls, source, next_hop, domain, protect, group, memory, dns, policy, exception, forwarder, limits, retention, metrics",
	}
	if !slices.Equal(faults, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(faults, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnknownKeysSuggestTheNearest(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Mode = \"observe\"\n" + minimal, "did you mean mode?"},
		{minimal + "next-hop = \"x\"\n", "did you mean next_hop?"},
		{minimal + "[[sources]]\nname = \"b\"\n", "did you mean source?"},
		{minimal + "[[domains]]\nname = \"b\"\n", "did you mean domain?"},                                        // although [protect] has domains
		{minimal + "[[protect.people]]\nname = \"A\"\naddress = [\"a@b.example\"]\n", "did you mean addresses?"}, // although [[listener]] has address
		{minimal + "[policy]\ntimebudget = \"1s\"\n", "did you mean time_budget?"},
		{minimal + "[policy.dispositions]\nlook-alike = \"tag\"\n", "did you mean lookalike?"},
		{"address = \":25\"\n" + minimal, "it belongs into [[listener]] or [metrics]"},
		{edited("[[domain]]", "limits = 1\n[[domain]]"), "it belongs at the top level, as [limits]"},
	} {
		wantFault(t, parseFaults(t, c.text), c.want)
	}
}

func TestFaultsOfMeaningHaveTheLineOfTheirKey(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an element of a list over several lines", edited(`["192.0.2.0/24"]`, "[ # ours\n  \"192.0.2.0/24\",\n  \"198.51.100.1/24\",\n]"), []string{"c.toml:7: source[0].ranges[1]"}},
		{"the second of two tables", minimal + "[[source]]\nname = \"b\"\nranges = [\"nonsense\"]\norigin = \"peer\"\n", []string{`c.toml:12: source[1].ranges[0] = "nonsense": expected a network such as`}},
		{"a key that is missing in a table", edited("next_hop = \"mail.example.com:25\"\n", ""), []string{"c.toml:7: domain[0].next_hop: missing"}},
		{"a key that is missing altogether", edited(`hostname = "gate.example.com"`, ""), []string{"c.toml: hostname: missing"}},
		{"a person in an inline table", minimal + "[protect]\npeople = [\n  { name = \"A\" },\n  { name = \"B\", addresses = [\"b\"] },\n]\n", []string{"c.toml:13: protect.people[1].addresses[0]"}},
		{"a dotted key", "dns.cache_entries = 0\n" + minimal, []string{"c.toml:1: dns.cache_entries = 0"}},
		{"a value over several lines before it", "data_dir = \"\"\"\n[x]\n\"\"\"\nmode = \"x\"\n" + minimal, []string{`c.toml:4: mode = "x"`}},
		{"a name used twice", minimal + "[[source]]\nname = \"provider\"\nranges = [\"198.51.100.0/24\"]\norigin = \"peer\"\n", []string{"c.toml:10: source[1]", "used twice"}},
		{"a range too wide", edited("192.0.2.0/24", "0.0.0.0/0"), []string{"c.toml:3: source[0]", "at least /8"}},
		{"an unknown reason", minimal + "[policy.dispositions]\nspam = \"tag\"\n", []string{"c.toml:11: policy.dispositions.spam"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	host := func(name string) string { return edited("gate.example.com", name) }
	listeners := func(a, b string) string {
		return fmt.Sprintf("%s[[listener]]\naddress = %q\n[[listener]]\naddress = %q\n", minimal, a, b)
	}
	const noTrace = "received_by = [\"provider.example\"]\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a trace nobody is believed for", edited(noTrace, ""), []string{"c.toml:3: source[0].received_by: missing", "provider", `origin = "peer"`}},
		{"a provider without host names", edited(noTrace, "provider = \"barracuda-appliance\"\n"), []string{"source[0].received_by: missing"}},
		{"a received_by with a star", edited("provider.example", "*.provider.example"), []string{"c.toml:6: source[0].received_by[0]", "host name"}},
		{"a hostname that is an address", host("192.0.2.1"), []string{"c.toml:2: hostname", "not an address"}},
		{"a hostname that is an IPv6 address", host("2001:db8::1"), []string{"c.toml:2: hostname", "not an address"}},
		{"a hostname with an underscore", host("mail_gate.example.com"), []string{"c.toml:2: hostname", "letters, digits and hyphens"}},
		{"a hostname without a dot", host("gate"), []string{"c.toml:2: hostname", "full host name"}},
		{"a protected domain without a dot", minimal + "[protect]\ndomains = [\"partner\"]\n", []string{"c.toml:11: protect.domains[0]", "partner.example"}},
		{"one address twice", listeners("192.0.2.1:25", "192.0.2.1:25"), []string{"c.toml:13: listener[1].address", "listener[0]"}},
		{"one address written differently", listeners("[2001:db8::1]:25", "[2001:DB8:0::1]:25"), []string{"c.toml:13: listener[1].address"}},
		{"an address that the wildcard has", listeners(":25", "192.0.2.1:25"), []string{"c.toml:13: listener[1].address", "listener[0]"}},
		{"metrics on a listener", minimal + "[metrics]\naddress = \":25\"\n", []string{"c.toml:11: metrics.address", "listener[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
	for _, fine := range []string{
		listeners("127.0.0.1:0", "127.0.0.1:0"), listeners("192.0.2.1:25", "192.0.2.1:26"), listeners("192.0.2.1:25", "192.0.2.2:25"),
		edited(noTrace, "origin = \"peer\"\n"), edited(noTrace, "provider = \"microsoft365\"\n"), host("gate-1.example.com"),
	} {
		if faults := parseFaults(t, fine); faults != nil {
			t.Errorf("refused: %s\n%s", strings.Join(faults, "\n"), fine)
		}
	}
}

func TestTheOverlapOfTwoSourcesIsReportedBesideOtherFaults(t *testing.T) {
	faults := parseFaults(t, edited("gate.example.com", "gate")+"[[source]]\nname = \"old\"\nranges = [\"192.0.2.128/25\"]\norigin = \"peer\"\n")
	if len(faults) != 2 || !strings.HasPrefix(faults[1], "c.toml:10: source[1]: ") {
		t.Errorf("got %q", faults)
	}
}

// writeCertificate writes a self-signed pair that is valid until end.
func writeCertificate(t *testing.T, end time.Time) (cert, key string) {
	t.Helper()
	return writeCertificateFor(t, end, "gate.example.com")
}

func writeCertificateFor(t *testing.T, end time.Time, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestFaultsOfTheCertificateNameTheFileToBlame(t *testing.T) {
	cert, key := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	_, foreign := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	tls := func(lines string, args ...any) string { return minimal + "[tls]\n" + fmt.Sprintf(lines, args...) }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"no key", tls("cert_file = %q\n", cert), []string{"c.toml:10: tls.key_file: missing", "private key"}},
		{"no certificate", tls("key_file = %q\n", key), []string{"c.toml:10: tls.cert_file: missing"}},
		{"a certificate that is a key", tls("cert_file = %q\nkey_file = %q\n", key, key), []string{"c.toml:11: tls.cert_file", "certificate"}},
		{"a key that is a certificate", tls("cert_file = %q\nkey_file = %q\n", cert, cert), []string{"c.toml:12: tls.key_file", "private key"}},
		{"a foreign key", tls("cert_file = %q\nkey_file = %q\n", cert, foreign), []string{"c.toml:12: tls.key_file", "does not fit cert_file"}},
		{"a certificate that is not there", tls("cert_file = \"/nonexistent\"\nkey_file = %q\n", key), []string{"c.toml:11: tls.cert_file", "no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
	if faults := parseFaults(t, tls("cert_file = %q\nkey_file = %q\nrequire = true\n", cert, key)); faults != nil {
		t.Error(faults)
	}
}

func TestWarningsNameWhatIsOverOrWillSoonBe(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	until := func(day string) string { return edited("[[domain]]", "valid_until = "+day+"\n[[domain]]") }
	const exception = minimal + "[[exception]]\nauthor = \"a@partner.example\"\nrequire = \"dkim\"\nreasons = [\"lookalike\"]\nowner = \"erika\"\nwhy = \"ticket\"\n"
	tls := func(end time.Time) string {
		cert, key := writeCertificate(t, end)
		return fmt.Sprintf("%s[tls]\ncert_file = %q\nkey_file = %q\n", minimal, cert, key)
	}
	for _, c := range []struct {
		name, text string
		want       []string // nothing: no warning
	}{
		{"nothing to warn of", minimal, nil},
		{"a source that is over", until("2026-11-21"), []string{"c.toml:7: source[0].valid_until = 2026-11-21: ", "all its mail is refused"}},
		{"a source on its last day", until("2026-11-22"), []string{"c.toml:7: source[0].valid_until", "ends today"}},
		{"a source that ends soon", until("2026-12-20"), []string{"c.toml:7: source[0].valid_until", "in 28 days"}},
		{"a source that ends in a month", until("2026-12-22"), []string{"in 30 days"}},
		{"a source that ends later", until("2026-12-23"), nil},
		{"an exception that is over", exception + "expires = 2026-11-21\n", []string{"c.toml:16: exception[0].expires = 2026-11-21: "}},
		{"an exception on its last day", exception + "expires = 2026-11-22\n", nil},
		{"an exception for somebody else", exception + "recipient = \"bob@example.org\"\n", []string{`c.toml:16: exception[0].recipient = "bob@example.org": `, "example.org"}},
		{"an exception for a foreign domain", exception + "recipient = \"example.org\"\n", []string{"c.toml:16: exception[0].recipient"}},
		{"an exception for one of us", exception + "recipient = \"Bob@Example.com\"\n", nil},
		{"an exception for our domain", exception + "recipient = \"example.com\"\n", nil},
		{"a certificate that is over", tls(now.Add(-time.Hour)), []string{"c.toml:11: tls.cert_file", "expired on 2026-11-22"}},
		{"a certificate that ends soon", tls(now.AddDate(0, 0, 13)), []string{"c.toml:11: tls.cert_file", "in 13 days"}},
		{"a certificate that ends later", tls(now.AddDate(0, 0, 15)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("c.toml", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			warnings := cfg.Warnings(now)
			if c.want == nil {
				if len(warnings) > 0 {
					t.Errorf("warned: %v", warnings)
				}
				return
			}
			wantFault(t, strings.Split((&Error{"c.toml", warnings}).Error(), "\n"), c.want...)
		})
	}
}

func TestAFileThatCannotBeReadIsNoFaultOfTheFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "absent.toml") {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[*Error](err); ok {
		t.Error("is a *Error, which is for what stands in a file")
	}
}

func TestTheSummaryCounts(t *testing.T) {
	cfg, err := Parse("c.toml", []byte(minimal+"[protect]\npeople = [{ name = \"A\" }]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"source provider: 1 range\n", "protects 1 domain of yours, 0 other domains and 1 person\n"} {
		if !strings.Contains(cfg.Summary(), want) {
			t.Errorf("%s does not say %q", cfg.Summary(), want)
		}
	}
}

func TestTheSummarySaysWhomTheCertificateIsFor(t *testing.T) {
	if cfg := mustParse(t, minimal); !strings.Contains(cfg.Summary(), "  no certificate: STARTTLS is not offered\n") {
		t.Error(cfg.Summary())
	}
	end := time.Date(2036, 1, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		names []string
		want  string
	}{
		{[]string{"gate.example.com"}, "for gate.example.com, until 2036-01-02"},
		{[]string{"mail.example.com", "*.example.com"}, "for mail.example.com, *.example.com, until 2036-01-02"},
		{[]string{"mail.example.com"}, "for mail.example.com, not for gate.example.com, until 2036-01-02"},
		{nil, "for no name, not for gate.example.com, until 2036-01-02"},
		{[]string{"a\x1b[2J"}, `for "a\x1b[2J", not for gate.example.com, until 2036-01-02`},
		{[]string{"a.a", "b.b", "c.c", "d.d", "e.e", "f.f", "gate.example.com"}, "for a.a, b.b, c.c, d.d, e.e and 2 more, until 2036-01-02"},
	}
	for _, tt := range tests {
		cert, key := writeCertificateFor(t, end, tt.names...)
		cfg := mustParse(t, minimal+fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n", cert, key))
		if want := "  certificate " + tt.want + "\n"; !strings.Contains(cfg.Summary(), want) {
			t.Errorf("%s does not say %q", cfg.Summary(), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("dns.timeout = 5\n[[source]]\nranges = [\n{ a = 1 }, x]\n[source]\n"))
	f.Add([]byte("hostname = “gate”\n[protect]\npeople = [\"a\"]\n[[metrics]]\n"))
	example, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	lines := func(text []byte) int { return strings.Count(string(text), "\n") + 1 }
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := Parse("c.toml", text)
		e, ok := errors.AsType[*Error](err)
		if err != nil && !ok {
			t.Fatalf("%T", err)
		}
		if !ok {
			return
		}
		for _, p := range e.Problems {
			if p.Line < 0 || p.Line > lines(text) || p.Expected == "" {
				t.Errorf("%+v in %d lines", p, lines(text))
			}
		}
	})
}
