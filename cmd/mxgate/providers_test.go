package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
)

// provide runs one of the providers commands.
func provide(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = runProviders(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// published writes a document with ranges.
func published(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ranges.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// configure adds text to the configuration.
func configure(t *testing.T, l *lab, text string) {
	t.Helper()
	before, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.config, append(before, text...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The incident: a provider that was busy for years, was left, and is used again.
func TestAProviderThatWasLeftAndIsUsedAgainIsStale(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	server := nameServer(t, "example.com. 60 IN MX 10 mx.new.example.\n")
	configure(t, l, fmt.Sprintf("[[source]]\nname = \"new\"\nranges = [\"203.0.113.0/24\"]\nreceived_by = [\"new.example\"]\n[dns]\nservers = [%q]\n", server))
	now := time.Now()
	for day := range 90 {
		if day < 3 || day >= 31 {
			l.store.Journal(store.Entry{ID: fmt.Sprint("left", day), At: now.AddDate(0, 0, -day).Add(-2 * time.Hour), Source: "the-provider", Outcome: store.Relayed})
		}
		l.store.Journal(store.Entry{ID: fmt.Sprint("new", day), At: now.AddDate(0, 0, -day).Add(-2 * time.Hour), Source: "new", Outcome: store.Relayed})
	}
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := provide(t, "status", "-config", l.config)
	if code != exitFindings || errOut != "" || strings.Contains(out, "new: ") {
		t.Errorf("%d, %q\n%s", code, errOut, out)
	}
	wantIn(t, strings.Join(strings.Fields(out), " "), "the-provider: stale It is admitted, but MX of no domain leads there, and it is used again: 3 messages came in the last 7 days, after 24 days or more without one.")
}

func TestProvidersStatusCountsAndFinds(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	now := time.Now()
	for i, at := range []time.Duration{time.Hour, 2 * time.Hour, 50 * time.Hour, 20 * 24 * time.Hour, 80 * 24 * time.Hour, 100 * 24 * time.Hour} {
		l.store.Journal(store.Entry{ID: string(rune('a' + i)), At: now.Add(-at), Source: "the-provider", Outcome: store.Relayed})
	}
	l.store.Journal(store.Entry{ID: "other", At: now, Source: "gone", Outcome: store.Relayed})
	if err := l.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := published(t, "192.0.2.0/25\n198.51.100.0/24\n")
	code, out, errOut := provide(t, "status", "-config", l.config, "-offline", "-published", "the-provider="+list)
	if code != exitFindings || errOut != "" {
		t.Errorf("%d, %q", code, errOut)
	}
	lines := strings.Split(out, "\n")
	wantIn(t, lines[0], "SOURCE", "LAST MESSAGE", "1d  7d  30d  90d", "MX OF", "BOUND BY")
	wantIn(t, lines[1], "the-provider  admitted", now.Add(-time.Hour).Local().Format("2006-01-02 15:04"), "2   3   4    5    0 of 1?  1, 1 missing, 1 extra  -")
	wantIn(t, out, "\n?: not all MX records could be asked for\n")
	wantIn(t, strings.Join(strings.Fields(out), " "), "the-provider: missing-range In "+list+", and not in ranges: 198.51.100.0/24.", "the-provider: extra-range In ranges, and not in "+list+": 192.0.2.128/25.")

	code, out, _ = provide(t, "status", "-config", l.config, "-offline", "-json")
	var line map[string]any
	if err := json.Unmarshal([]byte(out), &line); err != nil || code != exitFine {
		t.Fatalf("%d, %v\n%s", code, err, out)
	}
	wantIn(t, out, `"source":"the-provider"`, `"state":"admitted"`, `"messages":{"1d":2,"30d":4,"7d":3,"90d":5}`, `"mx_of":[]`, `"mx_unknown":true`, `"findings":[]`, `"bound_by":[]`, `"published":""`)
	if _, out, _ := provide(t, "status", "-config", l.config, "-offline"); !strings.Contains(out, "\nnothing to look into\n") || !strings.Contains(out, "1, published: not known") {
		t.Errorf("without findings:\n%s", out)
	}
}

func TestProvidersRefreshChangesNothingUntilAccepted(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	list := published(t, "192.0.2.0/24\n198.51.100.0/24\n")
	args := []string{"refresh", "-config", l.config, "-offline", "-published", "the-provider=" + list}
	code, out, errOut := provide(t, args...)
	if code != exitFindings || errOut != "" {
		t.Errorf("%d, %q", code, errOut)
	}
	wantIn(t, out, "the-provider: 2 ranges in "+list+"; 1 more and 0 fewer than the configuration\n  + 198.51.100.0/24\n  nothing is changed; if it is right:  mxgate providers accept -config "+l.config+" the-provider:")
	digest := regexp.MustCompile(`the-provider:[0-9a-f]{32}`).FindString(out)

	if code, _, errOut := provide(t, "accept", "-config", l.config, "the-provider:"+strings.Repeat("0", 32)); code != exitCouldNot || !strings.Contains(errOut, "not the list that was shown") || strings.Contains(errOut, strings.TrimPrefix(digest, "the-provider:")) {
		t.Errorf("a list that nobody saw: %d, %q", code, errOut)
	}
	state, err := providers.LoadState(l.dir)
	if err != nil || state.Sources["the-provider"].Accepted != nil {
		t.Errorf("accepted already: %+v, %v", state, err)
	}
	code, out, errOut = provide(t, "accept", "-config", l.config, "-by", "erika", digest)
	if code != exitFine || errOut != "" || out != "the-provider: accepted by erika. For its [[source]]:\n\nranges = [\"192.0.2.0/24\", \"198.51.100.0/24\"]\n" {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	if code, _, errOut := provide(t, "accept", "-config", l.config, digest); code != exitCouldNot || !strings.HasPrefix(errOut, "mxgate providers accept: ") || !strings.Contains(errOut, "this list was accepted on ") || !strings.Contains(errOut, " by erika\n") {
		t.Errorf("accepted twice: %d, %q", code, errOut)
	}
	code, out, _ = provide(t, args...)
	if code != exitFindings || !strings.Contains(out, "0 more and 0 fewer than what was accepted on ") { // and the gateway does not know of it
		t.Errorf("a second time: %d, %q", code, out)
	}
	wantIn(t, out, "\n  ranges in the configuration lack 198.51.100.0/24\n  to have the gateway go by that list, write:\n\nranges = [\"192.0.2.0/24\", \"198.51.100.0/24\"]\n")
	written, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.config, []byte(strings.Replace(string(written), `ranges = ["192.0.2.0/24"]`, `ranges = ["192.0.2.0/24", "198.51.100.0/24"]`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := provide(t, args...); code != exitFine || strings.Contains(out, "lack") {
		t.Errorf("in the configuration: %d, %q", code, out)
	}
	if err := os.WriteFile(l.config, written, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("0.0.0.0/0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ = provide(t, args...); code != exitFindings {
		t.Errorf("a doubtful list is proposed with %d", code)
	}
	wantIn(t, out, "  ! 0.0.0.0/0 is wider than /11\n", "  ! 0.0.0.0/0 is not, or not all, public\n", "accept -config "+l.config+" -force the-provider:")
	digest = regexp.MustCompile(`the-provider:[0-9a-f]{32}`).FindString(out)
	if code, _, errOut := provide(t, "accept", "-config", l.config, digest); code != exitCouldNot || !strings.Contains(errOut, "doubtful list") {
		t.Errorf("a doubtful list: %d, %q", code, errOut)
	}
	if err := os.WriteFile(list, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := provide(t, args...); code != exitCouldNot || !strings.Contains(errOut, "nothing is published there") {
		t.Errorf("an empty list: %d, %q", code, errOut)
	}
	if state, err = providers.LoadState(l.dir); err != nil || len(state.Sources["the-provider"].Accepted.Ranges) != 2 {
		t.Errorf("the last good list is lost: %+v, %v", state, err)
	}
}

// nameServer answers from zone text on a port of its own.
func nameServer(t *testing.T, zone string) string {
	t.Helper()
	records := map[mdns.Question][]mdns.RR{}
	for line := range strings.Lines(zone) {
		rr, err := mdns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("%q: %v", line, err)
		}
		q := mdns.Question{Name: rr.Header().Name, Qtype: rr.Header().Rrtype, Qclass: mdns.ClassINET}
		records[q] = append(records[q], rr)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &mdns.Server{PacketConn: conn, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, r *mdns.Msg) {
		m := new(mdns.Msg).SetReply(r)
		q := r.Question[0]
		q.Name = strings.ToLower(q.Name)
		m.Answer = records[q]
		w.WriteMsg(m)
	})}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

func TestProvidersDetectNamesAndProposes(t *testing.T) {
	server := nameServer(t, "example.com. 60 IN MX 10 example-com.mail.protection.outlook.com.\nexample.com. 60 IN TXT \"v=spf1 include:_spf.google.com -all\"\nother.example. 60 IN MX 5 mx.other.example.\n")
	code, out, errOut := provide(t, "detect", "-dns", server, "example.com")
	if code != exitFine || errOut != "" {
		t.Errorf("%d, %q", code, errOut)
	}
	wantIn(t, out, "MX 10  example-com.mail.protection.outlook.com  microsoft365  name\n", "SPF    _spf.google.com                          google        spf record: sends through it, or did\n",
		"[[source]]\nname = \"microsoft365\"\nprovider = \"microsoft365\"\n", "\nranges = [\"40.92.0.0/15\", \"40.107.0.0/16\"", "# not in ranges, ask the provider: \"52.100.0.0/14\"", "# it publishes ranges at spf:spf.protection.outlook.com")
	if strings.Count(out, "\nranges = ") != 1 {
		t.Errorf("not one line of ranges:\n%s", out)
	}
	if code, out, _ := provide(t, "detect", "-dns", server, "other.example"); code != exitFindings || !strings.Contains(out, "mx.other.example  not known  -") || !strings.Contains(out, "no provider is known by these names") {
		t.Errorf("%d\n%s", code, out)
	}
	code, out, _ = provide(t, "detect", "-dns", server, "-json", "example.com")
	if code != exitFine || out != `{"domain":"example.com","mx":[{"preference":10,"host":"example-com.mail.protection.outlook.com","provider":"microsoft365","how":"name"}],"traces":[{"preference":0,"host":"_spf.google.com","provider":"google","how":"spf record"}]}`+"\n" {
		t.Errorf("%d\n%s", code, out)
	}
}

func TestRefreshLeavesOutWhoPublishesNothing(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("list.txt", []byte("192.0.2.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	configure(t, l, "[[source]]\nname = \"a partner\"\norigin = \"peer\"\nranges = [\"198.51.100.1\"]\n")
	const left = "left out, because it is not known where their ranges are published (-published SOURCE=PLACE): "
	for _, place := range []string{"list.txt", "./list.txt", filepath.Join(dir, "list.txt")} {
		code, out, errOut := provide(t, "refresh", "-config", l.config, "-offline", "-published", "the-provider="+place)
		if code != exitFine || errOut != "" || out != left+"a partner\nthe-provider: 1 range in "+filepath.Join(dir, "list.txt")+"; 0 more and 0 fewer than the configuration\n" {
			t.Errorf("%s: %d, %q, %q", place, code, errOut, out)
		}
	}
	if code, out, errOut := provide(t, "refresh", "-config", l.config); code != exitFine || errOut != "" || out != left+"the-provider, a partner\n" {
		t.Errorf("none has a place: %d, %q, %q", code, errOut, out)
	}
	if code, out, errOut := provide(t, "refresh", "-config", l.config, "a partner"); code != exitCouldNot || out != "" || !strings.Contains(errOut, "a partner: ") {
		t.Errorf("a named one: %d, %q, %q", code, errOut, out)
	}
	code, out, errOut := provide(t, "refresh", "-config", l.config, "-published", "a partner=list.txt")
	if code != exitFindings || errOut != "" {
		t.Errorf("a partner with a place: %d, %q", code, errOut)
	}
	wantIn(t, out, left+"the-provider\n", "accept -config "+l.config+" 'a partner:")
	for _, both := range [][]string{{"a partner", "the-provider"}, {"the-provider", "a partner"}} {
		code, out, errOut := provide(t, append([]string{"refresh", "-config", l.config, "-published", "a partner=list.txt"}, both...)...)
		if code != exitFindings || !strings.Contains(errOut, "the-provider: ") || !strings.Contains(out, "'a partner:") {
			t.Errorf("what was found is hidden by what could not be fetched: %d, %q, %q", code, errOut, out)
		}
	}
}

func TestPublishedTakesWhatIsMeant(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"https://provider.example/list.json": "https://provider.example/list.json", "spf:_spf.provider.example": "spf:_spf.provider.example",
		"list.txt": dir + "/list.txt", "../list.txt": filepath.Dir(dir) + "/list.txt", "./a:b": dir + "/a:b", "/etc/../list": "/list",
		"": "", "http://provider.example/": "", "spf:": "", "hosts:a b": "", "a:b": "", "list\n": "",
	} {
		f := publishedFlag{}
		err := f.Set("ours=" + place)
		if want == "" && err == nil || want != "" && (err != nil || f["ours"][0].String() != want) {
			t.Errorf("%q: %v, %v, want %q", place, f, err, want)
		}
	}
	f := publishedFlag{}
	for _, place := range []string{"https://provider.example/", "list.txt"} {
		if err := f.Set("ours=" + place); err != nil {
			t.Fatal(err)
		}
	}
	if len(f["ours"]) != 2 {
		t.Errorf("a URL and a file: %v", f)
	}
}

func TestStatusTellsWhatItCanWithADamagedState(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	if err := os.WriteFile(filepath.Join(l.dir, providers.StateName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := provide(t, "status", "-config", l.config, "-offline")
	if code != exitCouldNot || !strings.Contains(errOut, providers.StateName) || !strings.Contains(out, "the-provider  admitted") {
		t.Errorf("%d, %q, %q", code, errOut, out)
	}
}

func TestStatusNamesWhatCouldNotBeLearned(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // and nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	configure(t, l, fmt.Sprintf("[dns]\nservers = [%q]\n", conn.LocalAddr()))
	code, out, errOut := provide(t, "status", "-config", l.config)
	if code != exitCouldNot || !strings.Contains(errOut, "mxgate providers status: MX of example.com: ") || !strings.Contains(out, "0 of 1?") {
		t.Errorf("%d, %q, %q", code, errOut, out)
	}
}

func TestProvidersMisuse(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	for _, c := range []struct{ args, want string }{
		{"status", "mxgate: -config FILE is missing, and MXGATE_CONFIG names none"},
		{"status -config " + l.config + " x", `mxgate providers status: unexpected argument "x"; see mxgate providers status -h`},
		{"refresh -config " + l.config + " nobody", `mxgate providers refresh: "nobody": expected the name of a [[source]] in the configuration; see mxgate providers refresh -h`},
		{"refresh -config " + l.config + " -published x", `mxgate providers refresh: invalid value "x" for flag -published: expected SOURCE=PLACE, PLACE being a file, https://URL, spf:DOMAIN or hosts:DOMAIN; see mxgate providers refresh -h`},
		{"refresh -config " + l.config + " -published nobody=/x", `mxgate providers refresh: -published nobody: expected the name of a [[source]] in the configuration; see mxgate providers refresh -h`},
		{"accept -config " + l.config, "mxgate providers accept: expected SOURCE:DIGEST, as refresh shows it; see mxgate providers accept -h"},
		{"accept -config " + l.config + " the-provider", `mxgate providers accept: "the-provider": expected SOURCE:DIGEST, as refresh shows it; see mxgate providers accept -h`},
		{"detect", "mxgate providers detect: expected DOMAIN...; see mxgate providers detect -h"},
		{"detect -dns 127.0.0.1:9 example.com a..b", `mxgate providers detect: "a..b": expected a domain such as example.com; see mxgate providers detect -h`},
	} {
		code, out, errOut := provide(t, strings.Fields(c.args)...)
		if code != exitUsage || out != "" || strings.TrimSpace(errOut) != c.want {
			t.Errorf("%s: %d, %q, %q", c.args, code, out, errOut)
		}
	}
	if code, out, _ := provide(t, "help"); code != exitFine || !strings.Contains(out, "mxgate providers detect [-config FILE]") {
		t.Errorf("help: %d, %q", code, out)
	}
	if code, _, errOut := provide(t); code != exitUsage || !strings.Contains(errOut, "usage: mxgate providers COMMAND") {
		t.Errorf("no command: %d, %q", code, errOut)
	}
}
