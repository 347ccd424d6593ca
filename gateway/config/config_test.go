package config

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/policy"
	"mxgate/policy/provider"
	"mxgate/policy/score"
)

// minimal is the smallest configuration that works; tests add lines to it.
const minimal = `
hostname = "gate.example.com"
[[source]]
name = "provider"
ranges = ["192.0.2.0/24"]
received_by = ["provider.example"]
[[domain]]
name = "example.com"
next_hop = "mail.example.com:25"
`

func TestTheMinimalConfigurationWorks(t *testing.T) {
	cfg, err := Parse("c.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Mode != "enforce" || len(cfg.Listeners) != 1 || cfg.Listeners[0].Address != ":25" {
		t.Errorf("defaults are wrong: %+v", cfg)
	}
}

func TestConfigErrorsNameFileKeyValueAndExpectation(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string { return strings.Replace(minimal, old, new, 1) }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an unknown key", minimal + "[dns]\nserver = [\"127.0.0.1\"]\n", []string{"c.toml:11", "dns.server", "unknown key", "did you mean servers?"}},
		{"a wrong type", replace(`hostname = "gate.example.com"`, `hostname = 7`), []string{"c.toml:2", "hostname", "7"}},
		{"a syntax error", minimal + "mode = \n", []string{"c.toml:10: mode", "a value is missing"}},
		{"a bad CIDR", replace("192.0.2.0/24", "192.0.2.0/33"), []string{"c.toml:5: source[0].ranges[0] = \"192.0.2.0/33\": expected a network such as 192.0.2.0/24"}},
		{"host bits in a range", replace("192.0.2.0/24", "192.0.2.1/24"), []string{"source[0].ranges[0]", "192.0.2.1/24", "192.0.2.0/24"}},
		{"a range that admits everybody", replace("192.0.2.0/24", "0.0.0.0/0"), []string{"c.toml", "provider", "0.0.0.0/0", "expected at least /8"}},
		{"overlapping sources", minimal + "[[source]]\nname = \"old\"\nranges = [\"192.0.2.128/25\"]\norigin = \"peer\"\n", []string{"c.toml:10", "source[1]", "192.0.2.128/25", "192.0.2.0/24", "provider", "old"}},
		{"an unknown provider", replace(`name = "provider"`, "name = \"p\"\nprovider = \"proofpiont\""), []string{"source[0].provider", "proofpiont", "proofpoint"}},
		{"a domain without next hop", replace("next_hop = \"mail.example.com:25\"\n", ""), []string{"domain[0].next_hop", "missing", "\"example.com\"", "mail.internal:25"}},
		{"a next hop without port", replace("mail.example.com:25", "mail.example.com"), []string{"domain[0].next_hop", "mail.example.com", "HOST:PORT"}},
		{"a domain listed twice", minimal + "[[domain]]\nname = \"EXAMPLE.com\"\nnext_hop = \"x:25\"\n", []string{"domain[1].name", "EXAMPLE.com", "twice"}},
		{"no source", "hostname = \"gate.example.com\"\n[[domain]]\nname = \"example.com\"\nnext_hop = \"x:25\"\n", []string{"source", "missing"}},
		{"no hostname", replace(`hostname = "gate.example.com"`, ""), []string{"hostname", "missing"}},
		{"an unreadable key file", minimal + "[tls]\ncert_file = \"" + garbage + "\"\nkey_file = \"/nonexistent/key.pem\"\n", []string{"tls.key_file", "/nonexistent/key.pem", "no such file", "expected a PEM file"}},
		{"an unknown reason", minimal + "[policy.dispositions]\nspam = \"reject\"\n", []string{"policy.dispositions.spam", "unknown reason", "own-domain-spoof"}},
		{"an unknown disposition", minimal + "[policy.dispositions]\nlookalike = \"drop\"\n", []string{"policy.dispositions.lookalike", "drop", "quarantine"}},
		{"a bad duration", minimal + "[dns]\ntimeout = \"5\"\n", []string{"c.toml:11", "dns.timeout", "duration", "30s"}},
		{"an exception without proof", minimal + "[[exception]]\nauthor = \"a@b.example\"\nreasons = [\"lookalike\"]\nowner = \"x\"\nwhy = \"y\"\n", []string{"exception[0].require", "expected what proves"}},
		{"a mode that does not exist", replace("hostname", "mode = \"test\"\nhostname"), []string{"mode", "test", "observe"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := Parse("c.toml", []byte("mode = \"x\"\n[[domain]]\nname = \"-\"\n"))
	e, ok := err.(*Error)
	if !ok || len(e.Problems) < 4 {
		t.Errorf("got %v, want at least four problems", err)
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	if _, err := Load("/nonexistent/mxgate.toml"); err == nil || !strings.Contains(err.Error(), "/nonexistent/mxgate.toml") || !strings.Contains(err.Error(), "expected a TOML file") {
		t.Errorf("got %v", err)
	}
}

// enabled is the example with every line that stands disabled made active. A
// disabled line has its key directly behind the "#"; prose has a space there.
func enabled(t *testing.T, text []byte) []byte {
	t.Helper()
	cert, key := writeCertificate(t, time.Now().AddDate(1, 0, 0))
	text = regexp.MustCompile(`(?m)^#(\S)`).ReplaceAll(text, []byte("$1"))
	secret := filepath.Join(t.TempDir(), "gate-secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`"/etc/mxgate/gate-secret"`), fmt.Appendf(nil, "%q", secret))
	for _, file := range []string{`"/etc/mxgate/cert.pem"`, `"/etc/mxgate/internal-ca.pem"`, `"/etc/mxgate/client-ca.pem"`} {
		text = bytes.ReplaceAll(text, []byte(file), fmt.Appendf(nil, "%q", cert))
	}
	return bytes.ReplaceAll(text, []byte(`"/etc/mxgate/key.pem"`), fmt.Appendf(nil, "%q", key))
}

// The example shows every key; keys with a default show it.
func TestTheExampleShowsEveryKeyWithItsDefault(t *testing.T) {
	text, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	text = enabled(t, text)
	example, err := Parse("config.example.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]any
	if err := toml.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	requireKeys(t, reflect.TypeFor[Config](), shown, "")
	compareDefaults(t, reflect.ValueOf(*Default()), reflect.ValueOf(*example), "")
}

// Whoever copies the example must not get anything but defaults with it.
func TestTheExampleAsItStandsIsOneSourceOneDomainAndDefaults(t *testing.T) {
	example, err := Load("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(example.Sources) != 1 || len(example.Domains) != 1 {
		t.Errorf("%d sources and %d domains, want one of each", len(example.Sources), len(example.Domains))
	}
	// Most providers have one set of ranges for all: what to do about it is to be read there.
	if w := example.Warnings(time.Now()); len(w) != 1 || w[0].Key != "source[0].provider" || !strings.Contains(w[0].Expected, "by two keys if one is bind_header") {
		t.Errorf("warnings: %v", w)
	}
	if s := example.Sources[0]; s.ValidUntil != nil || s.Origin != "trace" || s.ReceivedBy != nil {
		t.Errorf("the source has more than its defaults: %+v", s)
	}
	for reason, d := range policy.DefaultDispositions() {
		if got := example.Policy.Dispositions[string(reason)]; got != d.String() {
			t.Errorf("policy.dispositions.%s: example says %q, default is %q", reason, got, d)
		}
	}
	for _, row := range score.Rows() {
		if got, shown := example.Policy.Conversation[string(row)]; !shown || got != score.Defaults()[row] {
			t.Errorf("policy.conversation.%s: example says %d (%t), default is %d", row, got, shown, score.Defaults()[row])
		}
	}
	rest := *example
	rest.Hostname, rest.Sources, rest.Domains, rest.Policy.Dispositions, rest.Policy.Conversation = "", nil, nil, nil, nil
	rest.File, rest.Built = "", Built{}
	def := reflect.ValueOf(*Default())
	for i := range def.NumField() {
		if f := def.Type().Field(i); f.IsExported() && !reflect.DeepEqual(def.Field(i).Interface(), reflect.ValueOf(rest).Field(i).Interface()) {
			t.Errorf("%s: example has %+v, default is %+v", f.Name, reflect.ValueOf(rest).Field(i), def.Field(i))
		}
	}
}

func TestTheExampleListsTheIdsOfTheCatalogue(t *testing.T) {
	text, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "# The ids it knows:\n")
	var listed []string
	for line := range strings.Lines(block) {
		ids, ok := strings.CutPrefix(line, "#   ")
		if !ok {
			break
		}
		listed = append(listed, strings.Fields(strings.ReplaceAll(ids, ",", " "))...)
	}
	if !slices.Equal(listed, provider.IDs()) {
		t.Errorf("config.example.toml lists\n%s\nthe catalogue has\n%s", strings.Join(listed, ", "), strings.Join(provider.IDs(), ", "))
	}
}

func requireKeys(t *testing.T, typ reflect.Type, shown map[string]any, at string) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := f.Tag.Get("toml")
		if key == "" {
			continue
		}
		value, ok := shown[key]
		if !ok {
			t.Errorf("config.example.toml does not show %s%s", at, key)
			continue
		}
		inner := f.Type
		if list, isList := value.([]any); isList && inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			all := map[string]any{} // any of several may show a key
			for _, table := range list {
				maps.Copy(all, table.(map[string]any))
			}
			inner, value = inner.Elem(), all
		}
		if table, ok := value.(map[string]any); ok && inner.Kind() == reflect.Struct {
			requireKeys(t, inner, table, at+key+".")
		}
	}
}

// compareDefaults skips keys that have no default: they are the zero value there.
func compareDefaults(t *testing.T, def, example reflect.Value, at string) {
	for i := range def.NumField() {
		f := def.Type().Field(i)
		key := f.Tag.Get("toml")
		if key == "" || def.Field(i).IsZero() {
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			compareDefaults(t, def.Field(i), example.Field(i), at+key+".")
			continue
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && def.Field(i).Len() == example.Field(i).Len() {
			for j := range def.Field(i).Len() {
				compareDefaults(t, def.Field(i).Index(j), example.Field(i).Index(j), fmt.Sprintf("%s%s[%d].", at, key, j))
			}
			continue
		}
		if !reflect.DeepEqual(def.Field(i).Interface(), example.Field(i).Interface()) {
			t.Errorf("%s%s: example shows %v, default is %v", at, key, example.Field(i), def.Field(i))
		}
	}
}
