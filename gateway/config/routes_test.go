package config

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/relay"
)

// viaNextHop is minimal with its domain sent to a [[next_hop]] that has the
// given lines below its name, which is line 11 behind the header in line 10.
func viaNextHop(lines string, args ...any) string {
	return edited(`"mail.example.com:25"`, `"mail"`) + "[[next_hop]]\nname = \"mail\"\n" + fmt.Sprintf(lines, args...)
}

const (
	oneHost  = "hosts = [\"mail.internal:25\"]\n" // line 12
	loopback = "[dns]\nservers = [\"127.0.0.1:53\", \"::1\"]\n"
	somePin  = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("c.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestFaultsOfNextHops(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, key := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	verified := func(lines string, args ...any) string {
		return viaNextHop(oneHost+"tls = \"verified\"\n"+lines, args...)
	}
	hosts := func(list string) string { return viaNextHop("hosts = [%s]\n", list) }
	dane := func(mode, tail string) string { return viaNextHop(oneHost+"tls = %q\n%s", mode, tail) }
	many := strings.Repeat(`"a:1", `, 17)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a name no next hop has", edited("mail.example.com:25", "mial") + "[[next_hop]]\nname = \"mail\"\n" + oneHost, []string{`c.toml:9: domain[0].next_hop = "mial": no [[next_hop]] has this name: did you mean "mail"?`}},
		{"a short name without any next hop", edited("mail.example.com:25", "m"), []string{"expected the name of a [[next_hop]], or HOST:PORT"}},
		{"a name without any next hop", edited("mail.example.com:25", "mail"), []string{`c.toml:9: domain[0].next_hop = "mail": expected the name of a [[next_hop]], or HOST:PORT`}},
		{"a short name unlike any next hop", edited("mail.example.com:25", "m") + "[[next_hop]]\nname = \"ab\"\n" + oneHost, []string{`c.toml:9: domain[0].next_hop = "m": expected the name of a [[next_hop]], or HOST:PORT`}},
		{"a socket in place of a name", edited("mail.example.com:25", "unix:/run/lmtp"), []string{`domain[0].next_hop = "unix:/run/lmtp"`, "hosts of a [[next_hop]]"}},
		{"port 0", edited("mail.example.com:25", "mail.example.com:0"), []string{"c.toml:9: domain[0].next_hop", "HOST:PORT"}},
		{"a host with a space", edited("mail.example.com:25", "mail example:25"), []string{"domain[0].next_hop", "HOST:PORT"}},
		{"a port that is a word", edited("mail.example.com:25", "mail.example.com:smtp"), []string{"domain[0].next_hop", "HOST:PORT"}},
		{"no name", minimal + "[[next_hop]]\n" + oneHost, []string{"c.toml:10: next_hop[0].name: missing"}},
		{"a name like HOST:PORT", minimal + "[[next_hop]]\nname = \"mail:25\"\n" + oneHost, []string{`c.toml:11: next_hop[0].name = "mail:25": expected a name without colon`}},
		{"a name used twice", viaNextHop(oneHost) + "[[next_hop]]\nname = \"mail\"\n" + oneHost, []string{`c.toml:14: next_hop[1].name = "mail": used twice`}},
		{"no hosts", viaNextHop(""), []string{"c.toml:10: next_hop[0].hosts: expected 1 to 16 servers", "mail1.internal:25"}},
		{"an empty list of hosts", hosts(""), []string{"c.toml:12: next_hop[0].hosts: expected 1 to 16 servers"}},
		{"too many hosts", hosts(many), []string{"c.toml:12: next_hop[0].hosts: expected 1 to 16 servers"}},
		{"a host without port", hosts(`"a:25", "mail.internal"`), []string{`c.toml:12: next_hop[0].hosts[1] = "mail.internal": expected HOST:PORT`}},
		{"a host listed twice", hosts(`"mail.internal:25", "MAIL.internal:025"`), []string{`next_hop[0].hosts[1] = "MAIL.internal:025": listed twice`}},
		{"an address listed twice", hosts(`"192.0.2.1:25", "[::ffff:192.0.2.1]:25"`), []string{"next_hop[0].hosts[1]", "listed twice"}},
		{"a zone that is no interface", hosts(`"[fe80::1%a b]:25"`), []string{"next_hop[0].hosts[0]", "HOST:PORT"}},
		{"a socket without its whole path", hosts(`"unix:lmtp"`), []string{`next_hop[0].hosts[0] = "unix:lmtp": expected the whole path`}},
		{"a socket whose path is too long", hosts(`"unix:/` + strings.Repeat("a", 107) + `"`), []string{"next_hop[0].hosts[0]", "at most 107 octets"}},
		{"a NUL in a path", hosts(`"unix:/a\u0000b"`), []string{"next_hop[0].hosts[0]", "whole path"}},
		{"an unknown protocol", viaNextHop(oneHost + "protocol = \"esmtp\"\n"), []string{`c.toml:13: next_hop[0].protocol = "esmtp": expected "smtp" or "lmtp"`}},
		{"an unknown client", viaNextHop(oneHost + "client = \"proxy\"\n"), []string{`c.toml:13: next_hop[0].client = "proxy"`, "xforward", "xclient"}},
		{"an unknown tls", viaNextHop(oneHost + "tls = \"may\"\n"), []string{`c.toml:13: next_hop[0].tls = "may": expected "none", "opportunistic"`, "dane-only"}},
		{"a name in the certificate nobody reads", viaNextHop(oneHost + "tls_name = \"mail.example.com\"\n"), []string{"c.toml:13: next_hop[0].tls_name", `tls = "verified"`}},
		{"a CA nobody asks", viaNextHop(oneHost+"tls = \"required\"\nca_file = %q\n", ca), []string{"c.toml:14: next_hop[0].ca_file", `tls = "verified"`}},
		{"pins nobody compares", viaNextHop(oneHost+"tls = \"opportunistic\"\npins = [%q]\n", somePin), []string{"c.toml:14: next_hop[0].pins", `tls = "verified"`}},
		{"no pins that nobody compares", viaNextHop(oneHost + "pins = []\n"), []string{"c.toml:13: next_hop[0].pins", `tls = "verified"`}},
		{"a name in the certificate that is none", verified("tls_name = \"mail server\"\n"), []string{`c.toml:14: next_hop[0].tls_name = "mail server": expected the name in the certificate`}},
		{"a CA that is not there", verified("ca_file = \"/nonexistent\"\n"), []string{"c.toml:14: next_hop[0].ca_file", "no such file", "expected a PEM file"}},
		{"a CA that is garbage", verified("ca_file = %q\n", garbage), []string{"c.toml:14: next_hop[0].ca_file", "is no certificate"}},
		{"a CA that is a key", verified("ca_file = %q\n", key), []string{"c.toml:14: next_hop[0].ca_file", "is no certificate"}},
		{"a CA and a pin", verified("ca_file = %q\npins = [%q]\n", ca, somePin), []string{"c.toml:14: next_hop[0].ca_file", "stands beside pins"}},
		{"a pin without its kind", verified("pins = [%q]\n", strings.TrimPrefix(somePin, "sha256:")), []string{"c.toml:14: next_hop[0].pins[0]", "64 hex digits"}},
		{"a pin of another length", verified("pins = [%q, %q]\n", somePin, somePin+"00"), []string{"c.toml:14: next_hop[0].pins[1]", "64 hex digits"}},
		{"a pin that is a word", verified("pins = [\"sha256:key\"]\n"), []string{"next_hop[0].pins[0]", "64 hex digits"}},
		{"a socket without a name to verify", viaNextHop("hosts = [\"unix:/run/smtp\"]\ntls = \"verified\"\n"), []string{"next_hop[0].tls_name: missing", "unix:/run/smtp", "pins"}},
		{"DANE with the system's resolvers", dane("dane", ""), []string{`c.toml:13: next_hop[0].tls = "dane": needs a resolver`, "dns.servers", "dns.trust_ad = true"}},
		{"DANE with a resolver elsewhere", dane("dane-only", "[dns]\nservers = [\"127.0.0.1\", \"192.0.2.53\"]\n"), []string{`c.toml:13: next_hop[0].tls = "dane-only": needs a resolver`}},
		{"DANE for an address", viaNextHop("hosts = [\"[2001:db8::1]:25\"]\ntls = \"dane\"\n" + loopback), []string{`c.toml:12: next_hop[0].hosts[0] = "[2001:db8::1]:25": has no TLSA records`}},
		{"DANE for a socket", viaNextHop("hosts = [\"unix:/run/smtp\"]\ntls = \"dane\"\n" + loopback), []string{"c.toml:12: next_hop[0].hosts[0]", "has no TLSA records"}},
		{"a key that is unknown", viaNextHop(oneHost + "host = \"x\"\n"), []string{"c.toml:13: next_hop[0].host: unknown key: did you mean hosts?"}},
		{"one table", minimal + "[next_hop]\nname = \"mail\"\n", []string{"c.toml:10: next_hop: expected [[next_hop]] in double brackets"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
}

func TestNextHopsThatAreFine(t *testing.T) {
	ca, _ := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	for _, text := range []string{
		viaNextHop("hosts = [\"unix:/run/dovecot/lmtp\", \"mail.internal:24\"]\nprotocol = \"lmtp\"\n"),
		viaNextHop(oneHost+"tls = \"verified\"\ntls_name = \"192.0.2.1\"\nca_file = %q\n", ca),
		viaNextHop("hosts = [\"unix:/run/smtp\"]\ntls = \"verified\"\npins = [%q]\n", somePin),
		viaNextHop(oneHost + "tls = \"dane\"\n" + loopback),
		viaNextHop(oneHost + "tls = \"dane-only\"\n[dns]\nservers = [\"192.0.2.53\"]\ntrust_ad = true\n"),
		viaNextHop("hosts = [\"[fe80::1%%eth0]:25\"]\n"),
		viaNextHop(oneHost + "tls = \"dane\"\n[dns]\ntrust_ad = true\n"),
	} {
		if faults := parseFaults(t, text); faults != nil {
			t.Errorf("refused: %s\n%s", strings.Join(faults, "\n"), text)
		}
	}
}

// What config.example.toml says about the defaults of a [[next_hop]] is true, and
// HOST:PORT has the same.
func TestANextHopHasTheDefaultsOfTheExample(t *testing.T) {
	spelt := mustParse(t, viaNextHop(oneHost+"protocol = \"smtp\"\ntls = \"opportunistic\"\nclient = \"xforward\"\n")).Routes["example.com"]
	short := mustParse(t, viaNextHop(oneHost)).Routes["example.com"]
	if !reflect.DeepEqual(spelt, short) {
		t.Errorf("spelt out %+v, left out %+v", spelt, short)
	}
	direct := *mustParse(t, edited("mail.example.com:25", "mail.internal:25")).Routes["example.com"]
	if direct.Name != "mail.internal:25" {
		t.Errorf("HOST:PORT is named %q", direct.Name)
	}
	if direct.Name = "mail"; !reflect.DeepEqual(&direct, short) {
		t.Errorf("HOST:PORT %+v, [[next_hop]] %+v", direct, *short)
	}
}

func TestANextHopIsBuiltAsItIsWritten(t *testing.T) {
	ca, _ := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	digest, err := hex.DecodeString(strings.TrimPrefix(somePin, "sha256:"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := mustParse(t, viaNextHop("hosts = [\"Mail1.Internal:0025\", \"unix:/run/A\"]\ntls = \"verified\"\nclient = \"xclient\"\npins = [%q, \"sha256:%s\", \"sha256:%s\"]\n",
		somePin, base64.StdEncoding.EncodeToString(digest), strings.ToUpper(hex.EncodeToString(digest[:1])+":"+hex.EncodeToString(digest[1:]))))
	r := cfg.Routes["example.com"]
	if r.Name != "mail" || r.LMTP || r.Client != relay.Replace || !slices.Equal(r.Hosts, []string{"mail1.internal:25", "unix:/run/A"}) || r.TLS.Mode != relay.TLSVerified {
		t.Errorf("got %+v", r)
	}
	for i, pin := range r.TLS.Pins {
		if !slices.Equal(pin[:], digest) {
			t.Errorf("pin %d is %x", i, pin)
		}
	}
	if len(r.TLS.Pins) != 3 || r.TLS.Roots != nil {
		t.Errorf("got %+v", r.TLS)
	}
	r = mustParse(t, viaNextHop("hosts = [\"a:24\"]\nprotocol = \"lmtp\"\ntls = \"verified\"\ntls_name = \"MAIL.example.com.\"\nca_file = %q\nclient = \"none\"\n", ca)).Routes["example.com"]
	if !r.LMTP || r.Client != relay.None || r.TLS.ServerName != "mail.example.com" || r.TLS.Roots == nil {
		t.Errorf("got %+v", r)
	}
}

// The pool and rule E8 compare ways by pointer.
func TestTheSameWayIsTheSameRoute(t *testing.T) {
	domain := func(name, nextHop string) string {
		return fmt.Sprintf("[[domain]]\nname = %q\nnext_hop = %q\n", name, nextHop)
	}
	cfg := mustParse(t, viaNextHop(oneHost)+domain("b.example", "mail")+domain("c.example", "mail.internal:25")+domain("d.example", "MAIL.internal:025")+domain("e.example", "other.internal:25"))
	r := cfg.Routes
	if r["example.com"] != r["b.example"] || r["c.example"] != r["d.example"] || r["c.example"] == r["e.example"] || r["example.com"] == r["c.example"] {
		t.Errorf("got %v", r)
	}
	if want := []*relay.Route{r["example.com"], r["c.example"], r["e.example"]}; !slices.Equal(cfg.Used, want) {
		t.Errorf("used %v, want %v", cfg.Used, want)
	}
	for name, want := range map[string]*relay.Route{"mail": r["b.example"], "Mail.internal:25": r["c.example"]} {
		if got, err := cfg.Route(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := cfg.Route("gone.internal:25"); err != nil || got.Hosts[0] != "gone.internal:25" || got.TLS.Mode != relay.TLSOpportunistic {
		t.Errorf("a way that is not configured any more: %+v, %v", got, err)
	}
	for _, name := range []string{"", "gone", "gone:", ":25"} {
		if got, err := cfg.Route(name); err == nil {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func TestANextHopWithoutDomainIsWarnedOf(t *testing.T) {
	const unused = "[[next_hop]]\nname = \"old\"\n" + oneHost
	warnings := mustParse(t, viaNextHop(oneHost)+unused).Warnings(time.Now())
	wantFault(t, strings.Split((&Error{"c.toml", warnings}).Error(), "\n"), `c.toml:13: next_hop[1]: "old" is next_hop of no [[domain]]`)
	if warnings := mustParse(t, viaNextHop(oneHost)).Warnings(time.Now()); len(warnings) > 0 {
		t.Errorf("warned: %v", warnings)
	}
}

func TestTheSummaryNamesEachWayOnce(t *testing.T) {
	text := viaNextHop("hosts = [\"a.internal:24\", \"unix:/run/b\"]\nprotocol = \"lmtp\"\ntls = \"required\"\n") + "[[domain]]\nname = \"b.example\"\nnext_hop = \"mail\"\n"
	summary := mustParse(t, text).Summary()
	if strings.Count(summary, "  next hop mail (a.internal:24, then unix:/run/b): lmtp, tls required\n") != 1 {
		t.Error(summary)
	}
}

// AD is believed of resolvers that nobody can speak for.
func TestADIsBelievedOfLoopbackOrOnTheOperatorsWord(t *testing.T) {
	for lines, want := range map[string]bool{
		"": false,
		"[dns]\nservers = [\"127.0.0.1\", \"127.0.0.53:53\", \"[::1]:5353\"]\n": true,
		"[dns]\nservers = [\"127.0.0.1\", \"192.0.2.53\"]\n":                    false,
		"[dns]\nservers = [\"192.0.2.53\"]\ntrust_ad = true\n":                  true,
		"[dns]\ntrust_ad = true\n":                                              true,
	} {
		if got := mustParse(t, minimal+lines).TrustAD(); got != want {
			t.Errorf("%v with %s", got, lines)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, text := range []string{"mail.internal:25", "[2001:db8::1]:25", "unix:/run/lmtp", "b\u00fccher.example:025", "192.0.2.1:65536", "::1", "unix:", "[::ffff:192.0.2.1]:25", "a%b:1", "[fe80::1%eth0]:25", "[::0% ]:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, err := parseHost(text)
		if err != nil {
			return
		}
		if again, err := parseHost(host); err != nil || again != host {
			t.Errorf("%q is %q, and that is %q, %v", text, host, again, err)
		}
		if !strings.HasPrefix(host, unixPrefix) && strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q is dialled as %q", text, host)
		}
	})
}
