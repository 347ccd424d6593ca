package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

const aSecret = "b1946ac92492d2347c6235b4d2611184"

// writeFile writes a file and returns its path, quoted.
func writeFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gate-secret")
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", file)
}

// withTLS is a [tls] table with a CA for clients.
func withTLS(t *testing.T) string {
	t.Helper()
	cert, key := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	return fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\nclient_ca_file = %q\n", cert, key, cert)
}

func TestBindingsAreBuilt(t *testing.T) {
	other := "591785b794601e212b260e25925636fd"
	file := writeFile(t, "# the new one, then the old one\n\n  "+aSecret+"\r\n"+other+"\n", 0o600)
	cfg := mustParse(t, ofSource(`valid_from = 2026-12-01
valid_until = 2027-01-31
published = ["spf:_spf.provider.example", "/etc/mxgate/endpoints.json"]
tenant = "ours"
bind_header = { field = "X-Example-Gate", secrets_file = `+file+` }
bind_certificate = ["gate.provider.example"]
bind_tenant = ["hc1.provider.example"]
bind_listener = ["192.0.2.9:25", ":2525", "2001:db8::1"]
`)+withTLS(t))
	src, _ := cfg.SourceSet.Named("provider")
	first, _ := provider.NewSecret(aSecret)
	second, _ := provider.NewSecret(other)
	want := []provider.Binding{
		{Kind: provider.BindCertificate, Names: []string{"gate.provider.example"}},
		{Kind: provider.BindTenant, Names: []string{"hc1.provider.example"}},
		{Kind: provider.BindListener, Listeners: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:25"), netip.AddrPortFrom(netip.Addr{}, 2525), netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), 0)}},
		{Kind: provider.BindHeader, Field: "X-Example-Gate", Secrets: []provider.Secret{first, second}},
	}
	if !reflect.DeepEqual(src.Bind, want) {
		t.Errorf("bound by %+v", src.Bind)
	}
	if src.Tenant != "ours" || src.ValidFrom.Format(time.DateOnly) != "2026-12-01" || src.ValidUntil.Format(time.DateOnly) != "2027-01-31" || cfg.ClientCAs == nil {
		t.Errorf("%+v", src)
	}
	if want := []ranges.Place{{Kind: ranges.KindSPF, Name: "_spf.provider.example"}, {Kind: ranges.KindFile, Name: "/etc/mxgate/endpoints.json"}}; !slices.Equal(src.Published, want) {
		t.Errorf("published at %v", src.Published)
	}
	if got := cfg.SourceSet.SecretFields(); !slices.Equal(got, []string{"X-Example-Gate"}) {
		t.Errorf("fields with secrets: %q", got)
	}
	if s := cfg.Summary(); !strings.Contains(s, "valid from 2026-12-01, valid until 2027-01-31, bound by certificate and tenant and listener and header") {
		t.Error(s)
	}
	if src, _ := mustParse(t, minimal).SourceSet.Named("provider"); src.Bind != nil || !src.ValidFrom.IsZero() {
		t.Errorf("by default: %+v", src)
	}
}

func TestFaultsOfBindings(t *testing.T) {
	header := func(text string) string {
		return ofSource("bind_header = { field = \"X-Example-Gate\", secrets_file = " + writeFile(t, text, 0o600) + " }\n")
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"no CA", ofSource("bind_certificate = [\"gate.provider.example\"]\n"), []string{"c.toml:7: source[0].bind_certificate: expected tls.client_ca_file as well"}},
		{"a CA without a certificate", minimal + "[tls]\nclient_ca_file = " + writeFile(t, "no PEM", 0o600) + "\n", []string{"c.toml:11: tls.client_ca_file"}},
		{"a certificate without a name", ofSource("bind_certificate = []\n") + withTLS(t), []string{"c.toml:3: source[0]: ", "certificate is empty"}},
		{"a certificate's subject", ofSource("bind_certificate = [\"CN=gate\"]\n") + withTLS(t), []string{"expected a DNS name in lower case"}},
		{"a tenant that all have", ofSource("bind_tenant = [\"provider.example\"]\n"), []string{"hosts of all customers"}},
		{"an end that is none", ofSource("bind_listener = [\"smtp\"]\n"), []string{`source[0].bind_listener[0] = "smtp": expected an address of ours, a port, or both`}},
		{"no field", ofSource("bind_header = { secrets_file = " + writeFile(t, aSecret, 0o600) + " }\n"), []string{"header field is \"\"", "X-Example-Gate"}},
		{"no file", ofSource("bind_header = { field = \"X-Gate\" }\n"), []string{"c.toml:7: source[0].bind_header.secrets_file: expected an absolute path"}},
		{"a file that is not there", ofSource("bind_header = { field = \"X-Gate\", secrets_file = \"/nonexistent\" }\n"), []string{"c.toml:7: source[0].bind_header.secrets_file = \"/nonexistent\": cannot be read (no such file or directory)"}},
		{"the secret in place of its file", ofSource("bind_header = { field = \"X-Gate\", secrets_file = \"" + aSecret + "\" }\n"), []string{"expected an absolute path of a file"}},
		{"the secret in place of all", ofSource("bind_header = \"" + aSecret + "\"\n"), []string{"c.toml:7: source[0].bind_header: expected a table"}},
		{"an empty file", header("# none yet\n"), []string{"holds no secret", "openssl rand"}},
		{"a short secret", header("\nhunter2\n"), []string{"line 2 of it is no secret: secret: expected 20 to 200"}},
		{"a secret in the file itself", ofSource("bind_header = { field = \"X-Gate\", secret = \"" + aSecret + "\", secrets_file = " + writeFile(t, aSecret, 0o600) + " }\n"), []string{"source[0].bind_header.secret: unknown key: "}},
		{"another field of the message", ofSource("bind_header = { field = \"Subject\", secrets_file = " + writeFile(t, aSecret, 0o600) + " }\n"), []string{"a name of your own with X-"}},
		{"begins behind its end", ofSource("valid_from = 2026-12-02\nvalid_until = 2026-12-01\n"), []string{"a day not before valid_from, 2026-12-02"}},
		{"an address that is not TLS", ofSource("published = [\"http://provider.example/ranges\"]\n"), []string{`source[0].published[0] = "http://provider.example/ranges": expected spf:DOMAIN`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := parseFaults(t, c.text)
			for _, w := range c.want {
				if !strings.Contains(strings.Join(faults, "\n"), w) {
					t.Errorf("%s\ndoes not say %s", strings.Join(faults, "\n"), w)
				}
			}
			if text := strings.Join(faults, "\n"); strings.Contains(text, aSecret) || strings.Contains(text, "hunter2") {
				t.Errorf("shows a secret: %s", text)
			}
		})
	}
}

// Neither a log of the configuration nor its JSON shows a secret.
func TestSecretsAreNotShown(t *testing.T) {
	cfg := mustParse(t, ofSource("bind_header = { field = \"X-Example-Gate\", secrets_file = "+writeFile(t, aSecret, 0o600)+" }\n"))
	src := cfg.SourceSet.All()[0]
	text, err := json.Marshal(cfg.Sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v", src, cfg.Sources), fmt.Sprintf("%#v", src), string(text)} {
		if strings.Contains(shown, aSecret) {
			t.Error(shown)
		}
	}
}

func TestWarningsOfBindings(t *testing.T) {
	tmes := func(lines string) string { // its ranges are those of all customers
		return ofSource("provider = \"trendmicro-tmes\"\n" + lines)
	}
	secret := "bind_header = { field = \"X-Gate\", secrets_file = " + writeFile(t, aSecret, 0o640) + " }\n"
	const alone = "is all that tells our tenant from others, and reports return the field: its secret comes back to any stranger"
	for _, c := range []struct {
		name, text, key, want string
	}{
		{"a secret alone", tmes(secret), "source[0].bind_header", alone},
		{"a secret alone, of a provider that is not known", ofSource(secret), "source[0].bind_header", alone},
		{"a secret and the certificate of all", ofSource("provider = \"mimecast\"\nbind_certificate = [\"relay.mimecast.com\"]\n"+secret) + withTLS(t), "source[0].bind_header", alone},
		{"a shared provider", tmes(""), "source[0].provider", "nothing tells our tenant from theirs"},
		{"a shared provider, and what a secret is worth", tmes(""), "source[0].provider", "by two keys if one is bind_header, since its secret comes back to any stranger"},
		{"a host's certificate of a provider", ofSource("provider = \"mimecast\"\nbind_certificate = [\"us-smtp-delivery-1.mimecast.com\"]\n") + withTLS(t), "source[0].bind_certificate", "shows for all its customers"},
		{"the certificate of all", tmes("bind_certificate = [\"*.provider.example\"]\n") + withTLS(t), "source[0].bind_certificate", "shows for all its customers"},
		{"a listener that is none", ofSource("bind_listener = [\":2525\"]\n"), "source[0].bind_listener[0]", "no [[listener]] is there"},
		{"a secret for all", ofSource("bind_header = { field = \"X-Gate\", secrets_file = " + writeFile(t, aSecret, 0o604) + " }\nbind_listener = [\":25\"]\n"), "source[0].bind_header.secrets_file", "can be read by everybody"},
		{"a tenant that is not read", ofSource("tenant = \"ours\"\n"), "source[0].tenant", "is never read"},
		{"a tenant of prose", tmes("tenant = \"ours\"\nbind_listener = [\":25\"]\n"), "source[0].tenant", "is never read"},
	} {
		w := mustParse(t, c.text).Warnings(time.Now())
		if len(w) != 1 || w[0].Key != c.key || !strings.Contains(w[0].Expected, c.want) || w[0].Line == 0 {
			t.Errorf("%s: %+v", c.name, w)
		}
	}
	for _, fine := range []string{
		tmes(secret + "bind_listener = [\":25\"]\n"),
		tmes(secret+"bind_certificate = [\"gate.example.com\"]\n") + withTLS(t),
		ofSource("provider = \"cisco-ces\"\n" + secret), // who reads it has no address of theirs
		ofSource("bind_listener = [\":25\", \"192.0.2.9\"]\n"),
		ofSource("bind_listener = [\":2525\"]\n") + "[[listener]]\naddress = \"systemd:smtp\"\n",
		ofSource("provider = \"cisco-ces\"\nvalid_from = 2099-01-01\n"),
		ofSource("provider = \"microsoft365\"\ntenant = \"00000000-0000-0000-0000-000000000000\"\nbind_listener = [\":25\"]\n"),
	} {
		if w := mustParse(t, fine).Warnings(time.Now()); len(w) > 0 {
			t.Errorf("%s%+v", fine, w)
		}
	}
}

// A source that has not begun is no near miss: its hosts are not admitted at the
// addresses that are known either.
func TestASourceToComeHasNoNearMiss(t *testing.T) {
	cfg := mustParse(t, ofSource("near_miss = [\"out.provider.example\"]\nvalid_from = 2026-12-01\n"))
	begin := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]bool{begin.Add(-time.Nanosecond): false, begin: true} {
		if _, near := cfg.NearMiss("a.out.provider.example", at); near != want {
			t.Errorf("%v: %t", at, near)
		}
	}
}
