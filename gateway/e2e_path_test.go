package gateway

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy"
)

// theSecret is what the rule at the provider writes; another tenant has its own.
const (
	theSecret     = "b1946ac92492d2347c6235b4d2611184"
	anothersWords = "591785b794601e212b260e25925636fd"
)

// from connects to g from a loopback address and returns the greeting's code.
func (g *stage) from(addr string) (c net.Conn, code string) {
	g.t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	c, err := d.Dial("tcp", g.addr())
	if err != nil {
		g.t.Skipf("this machine has no %s: %v", addr, err)
	}
	g.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	code3 := make([]byte, 3)
	if _, err := c.Read(code3); err != nil {
		g.t.Fatal(err)
	}
	return c, string(code3)
}

// deliverFrom sends one message from a loopback address.
func (g *stage) deliverFrom(addr, from, content string) string {
	g.t.Helper()
	conn, code := g.from(addr)
	c := newTalk(conn)
	if _, err := c.reply(); code != "220" || err != nil {
		g.t.Fatalf("%s is greeted with %s, %v", addr, code, err)
	}
	if _, err := c.ask("EHLO mx1.provider.example"); err != nil {
		g.t.Fatal(err)
	}
	reply, err := c.deliver(from, []string{bob}, content)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply
}

// otherSources are those beside the provider.
const otherSources = `
[[source]]
name = "the-old-one"
ranges = ["127.0.0.4"]
received_by = ["old.example"]
valid_until = 2020-12-31
[[source]]
name = "the-next-one"
ranges = ["127.0.0.5"]
received_by = ["next.example"]
valid_from = 2099-01-01
[[source]]
name = "the-partner"
ranges = ["127.0.0.6"]
origin = "peer"
`

func pathStage(t *testing.T, log *bytes.Buffer) *stage {
	t.Helper()
	secrets := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(secrets, []byte("# of this year\n"+theSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bound := "ranges = [\"127.0.0.2\", \"127.0.0.3\"]\nbind_header = { field = \"X-Example-Gate\", secrets_file = \"" + secrets + "\" }"
	g, _ := newSetting(t, setting{script: script{tail: otherSources}, edit: replacing(t, `ranges = ["127.0.0.1"]`, bound), log: log})
	return g
}

// The current provider, another tenant of it, the provider that was left, the one
// to come, a stranger, a partner, and a message past the provider's border: each
// has its fate, in the answer, the journal, the counts and the lists.
func TestEachPathHasItsFate(t *testing.T) {
	var log bytes.Buffer
	g := pathStage(t, &log)
	weak := compose("192.0.2.10", "From: n@news.example", "Subject: Offer") // by a domain that asks for nothing
	secret := func(s string) string { return "x-example-GATE: " + s + "\r\n" }
	for _, c := range []struct {
		name, addr, content string
		outcome             store.Outcome
		reason              policy.Reason
		path, header        string
	}{
		{"the current provider", "127.0.0.2", secret(theSecret) + cleanMail(), store.Relayed, policy.Clean, "via_current", `via_current; source="the-provider"; tenancy=bound`},
		{"another host of it", "127.0.0.3", secret(theSecret) + cleanMail(), store.Relayed, policy.Clean, "via_current", `via_current; source="the-provider"; tenancy=bound`},
		{"another tenant of it", "127.0.0.2", secret(anothersWords) + cleanMail(), store.Quarantined, policy.TenantMismatch, "via_current", ""},
		{"a tenant without a secret", "127.0.0.2", cleanMail(), store.Quarantined, policy.TenantMismatch, "via_current", ""},
		{"past its border", "127.0.0.2", secret(theSecret) + strings.SplitAfterN(weak, "\r\n", 4)[3], store.Relayed, policy.BypassSuspect, "undetermined", `undetermined; source="the-provider"; tenancy=bound`},
		{"made in it", "127.0.0.2", secret(theSecret) + strings.Replace(weak, "[192.0.2.10]", "[127.0.0.3]", 1), store.Relayed, "", "internal", `internal; source="the-provider"; tenancy=bound`},
		{"a partner", "127.0.0.6", weak, store.Relayed, "", "permitted_direct", `permitted_direct; source="the-partner"; tenancy=unbound`},
	} {
		before := g.sink.Count()
		reply := g.deliverFrom(c.addr, partner, c.content)
		g.wantReply(reply, "250 2.0.0")
		e := g.entry(reply)
		if e.Outcome != c.outcome || c.reason != "" && e.Reason != string(c.reason) || e.Path != c.path {
			t.Errorf("%s: %s, %s, %s: %s", c.name, e.Outcome, e.Reason, e.Path, e.Sentence)
		}
		if strings.Contains(string(e.Evidence)+e.Sentence, theSecret) {
			t.Errorf("%s: the secret is in the journal", c.name)
		}
		if c.header == "" {
			continue
		}
		if g.sink.Count() != before+1 {
			t.Fatalf("%s: nothing has come to the next hop", c.name)
		}
		got := string(g.sink.Messages()[before].Content)
		if !strings.Contains(strings.ReplaceAll(got, "\r\n\t", " "), "\r\nX-Mxgate-Path: "+c.header+"\r\n") {
			t.Errorf("%s: %.900s", c.name, got)
		}
		if strings.Contains(got, theSecret) || strings.Contains(strings.ToLower(got), "x-example-gate") {
			t.Errorf("%s: the secret went on: %.900s", c.name, got)
		}
	}
	for _, addr := range []string{"127.0.0.4", "127.0.0.4", "127.0.0.5", "127.0.0.9"} {
		c, code := g.from(addr)
		if code != "554" {
			t.Errorf("%s is greeted with %s", addr, code)
		}
		c.Close()
	}
	g.wantPaths(map[string]string{
		`path="via_current",source="the-provider"`: "4", `path="undetermined",source="the-provider"`: "1", `path="internal",source="the-provider"`: "1",
		`path="permitted_direct",source="the-partner"`: "1", `path="via_old",source="the-old-one"`: "2", `path="direct",source="the-next-one"`: "1", `path="direct",source=""`: "1",
	})
	g.wantUses()
	g.wantReleasedWithoutSecret()
	g.end()
	if strings.Contains(log.String(), theSecret) || strings.Contains(log.String(), anothersWords) {
		t.Error("a secret is in the log")
	}
	if !strings.Contains(log.String(), `"path":"internal"`) {
		t.Errorf("the log says nothing of the paths:\n%s", log.String())
	}
}

// wantPaths waits for the counts of refused connections, which end by themselves.
func (g *stage) wantPaths(want map[string]string) {
	g.t.Helper()
	for end := time.Now().Add(patience); ; {
		_, page := g.get("/metrics")
		var missing []string
		for labels, count := range want {
			if !strings.Contains(page, "\nmxgate_path_total{"+labels+"} "+count+"\n") {
				missing = append(missing, labels+" "+count)
			}
		}
		if len(missing) == 0 && strings.Count(page, "\nmxgate_path_total{") == len(want) {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("not counted: %q\n%s", missing, page[max(0, strings.Index(page, "# HELP mxgate_path_total")):])
		}
		time.Sleep(time.Millisecond)
	}
}

// wantUses looks at what `mxgate providers status` and `mxgate strangers` are made of.
func (g *stage) wantUses() {
	g.t.Helper()
	if err := g.server.Store().Flush(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	begin, uses, err := g.server.Store().SourceUses(g.t.Context(), time.Now())
	if err != nil || time.Since(begin) > patience || len(uses) != 2 || uses["the-provider"].Counts != [4]int64{6, 6, 6, 6} || uses["the-partner"].Counts[0] != 1 {
		g.t.Errorf("since %v: %v, %v", begin, uses, err)
	}
	rows, err := g.server.Store().Strangers(g.t.Context(), time.Now().Add(-time.Hour))
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.Network.Addr().String()] += r.Count
	}
	if err != nil || len(counts) != 3 || counts["127.0.0.4"] != 2 || counts["127.0.0.5"] != 1 || counts["127.0.0.9"] != 1 {
		g.t.Errorf("%v, %v", counts, err)
	}
}

// wantReleasedWithoutSecret releases what is held.
func (g *stage) wantReleasedWithoutSecret() {
	g.t.Helper()
	held, err := g.server.Store().List(g.t.Context(), store.Filter{State: store.StateHeld})
	if err != nil || len(held) != 2 {
		g.t.Fatalf("%d are held, %v", len(held), err)
	}
	for _, h := range held {
		if !strings.Contains(h.Sentence, `The message is from source "the-provider", but `) {
			g.t.Error(h.Sentence)
		}
		before := g.sink.Count()
		if _, err := Release(g.t.Context(), g.cfg, g.server.Store(), h.ID, "erika"); err != nil {
			g.t.Fatal(err)
		}
		if got := g.sink.Messages()[before].Content; bytes.Contains(got, []byte(anothersWords)) || !bytes.Contains(got, []byte("X-Mxgate-Released:")) {
			g.t.Errorf("released: %.900s", got)
		}
	}
	sentences := []string{held[0].Sentence, held[1].Sentence}
	if !slices.ContainsFunc(sentences, func(s string) bool { return strings.Contains(s, "another tenant there than ours") }) || sentences[0] == sentences[1] {
		g.t.Errorf("%q", sentences)
	}
}

// A source is bound by the certificate of its clients and by where they come to.
func TestASourceIsBoundByItsConnection(t *testing.T) {
	table, pool := certificate(t)
	files := regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(table, -1)
	own, err := tls.LoadX509KeyPair(files[0][1], files[1][1]) // as a client, too
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, keys string
		own        []tls.Certificate
		want       store.Outcome
	}{
		{"its certificate", `bind_certificate = ["gate.example.com"]`, []tls.Certificate{own}, store.Relayed},
		{"no certificate", `bind_certificate = ["gate.example.com"]`, nil, store.Quarantined},
		{"that of another", `bind_certificate = ["gate2.example.com"]`, []tls.Certificate{own}, store.Quarantined},
		{"its listener", `bind_listener = ["127.0.0.1"]`, nil, store.Relayed},
		{"another listener", `bind_listener = [":2525"]`, nil, store.Quarantined},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newSetting(t, setting{script: script{tail: table + "client_ca_file = \"" + files[0][1] + "\"\n"},
				edit: replacing(t, `ranges = ["127.0.0.1"]`, "ranges = [\"127.0.0.1\"]\n"+c.keys)})
			s := g.dial()
			if reply, err := s.ask("STARTTLS"); err != nil || !strings.HasPrefix(reply, "220 ") {
				t.Fatal(reply, err)
			}
			secure := tls.Client(s.conn, &tls.Config{ServerName: "gate.example.com", RootCAs: pool, Certificates: c.own})
			s = newTalk(secure)
			if _, err := s.ask("EHLO mx1.provider.example"); err != nil {
				t.Fatal(err)
			}
			reply, err := s.deliver(partner, []string{bob}, cleanMail())
			if err != nil {
				t.Fatal(err)
			}
			if e := g.entry(reply); e.Outcome != c.want {
				t.Errorf("%s: %s, %s", e.Outcome, e.Reason, e.Sentence)
			}
		})
	}
}
