package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/config"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// get reads a page of the metrics listener.
func (g *stage) get(path string) (int, string) {
	g.t.Helper()
	r, err := http.Get("http://" + g.server.http.Addr().String() + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestWhatCannotBeOpenedIsNamedWithKeyValueAndExpectation(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	busy := taken.Addr().String()
	change := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	same := func(s string) string { return s }
	for _, c := range []struct {
		name, dataDir string
		edit          func(string) string
		skipRoot      bool
		want          []string
	}{
		{"a data_dir below a file", filepath.Join(file, "data"), same, false, []string{"gate.toml: data_dir = \"" + filepath.Join(file, "data") + "\"", "expected a directory", "may create files", "not a directory"}},
		{"a data_dir that is a file", file, same, false, []string{"gate.toml: data_dir = \"" + file + "\"", "expected a directory"}},
		{"a data_dir nobody may write to", locked, same, true, []string{"gate.toml: data_dir = \"" + locked + "\"", "expected a directory", "permission denied"}},
		{"a listener whose port is taken", filepath.Join(dir, "d1"), change("address = \"127.0.0.1:0\"", "address = \""+busy+"\""), false, []string{"gate.toml: listener[0].address = \"" + busy + "\"", "address already in use"}},
		{"a metrics port that is taken", filepath.Join(dir, "d2"), change("[metrics]\naddress = \"127.0.0.1:0\"", "[metrics]\naddress = \""+busy+"\""), false, []string{"gate.toml: metrics.address = \"" + busy + "\"", "address already in use"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.skipRoot && os.Geteuid() == 0 {
				t.Skip("root may write everywhere")
			}
			text := c.edit(stageConfig(script{dataDir: c.dataDir}, "127.0.0.1:1", "127.0.0.1:1"))
			cfg, err := config.Parse("gate.toml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				s.close()
				t.Fatal("opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not name %q", err, want)
				}
			}
		})
	}
}

// SMTP-DUTIES A7, and DESIGN 4: nothing that runs is cut by a shutdown.
func TestDuty_A7_Gateway(t *testing.T) {
	g := newStage(t, script{})
	atDot, goOn := make(chan struct{}), make(chan struct{})
	g.nextHopSays(func(verb, _ string) (string, bool) {
		if verb == smtptest.Dot {
			close(atDot)
			<-goOn
		}
		return "", false
	})
	idle, begun := g.dial(), g.dial()
	if _, err := begun.ask("MAIL FROM:<" + partner + ">"); err != nil {
		t.Fatal(err)
	}
	final := make(chan string, 1)
	go func() { // ends with the reply, which the test waits for
		c, err := dialTalk(g.addr())
		if err != nil {
			final <- err.Error()
			return
		}
		defer c.close()
		reply, err := c.deliver(partner, []string{bob}, cleanMail())
		final <- fmt.Sprint(reply, err)
	}()
	<-atDot
	if code, _ := g.get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz says %d before the drain", code)
	}
	g.stop()
	if reply, err := idle.reply(); err != nil || !strings.HasPrefix(reply, "421 4.3.2 ") || !idle.ended() {
		t.Errorf("an idle session was told %q, %v", reply, err)
	}
	code, why := g.get("/readyz") // draining is announced before sessions end
	if code != http.StatusServiceUnavailable || !strings.Contains(why, "draining") {
		t.Errorf("/readyz says %d %s during the drain", code, why)
	}
	if code, _ := g.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz says %d during the drain", code)
	}
	if c, err := dialTalk(g.addr()); err == nil {
		c.close()
		t.Error("a new session was taken during the drain")
	}
	if reply, err := begun.ask("RSET"); err != nil || !strings.HasPrefix(reply, "250 ") {
		t.Errorf("a session in a transaction was told %q, %v", reply, err)
	}
	if reply, err := begun.reply(); err != nil || !strings.HasPrefix(reply, "421 4.3.2 ") {
		t.Errorf("after its transaction it was told %q, %v", reply, err)
	}
	close(goOn)
	reply := <-final
	if !strings.HasPrefix(reply, "250 2.0.0 OK (") || g.sink.Count() != 1 {
		t.Errorf("the message under way was answered %q, %d at the next hop", reply, g.sink.Count())
	}
	g.end() // Serve returns nil
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	entries, err := st.Entries(t.Context(), store.Filter{Outcome: store.Relayed})
	if err != nil || len(entries) != 1 {
		t.Errorf("%d rows in the journal, %v", len(entries), err)
	}
}

func TestDuty_A7_Gateway_TooLong(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\ndrain_timeout = \"1ms\"\n"})
	c, goOn := g.atDot(partner, cleanMail())
	g.end()
	close(goOn)
	if reply, err := c.reply(); err == nil && reply[0] == '2' {
		t.Errorf("answered %q", reply)
	}
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	entries, err := st.Entries(t.Context(), store.Filter{})
	if err != nil || len(entries) != 1 || entries[0].Outcome != store.Uncertain {
		t.Errorf("the journal says %+v, %v; want one uncertain message", entries, err)
	}
}

func TestTheMetricsListenerTellsWhatHappened(t *testing.T) {
	g := newStage(t, script{})
	g.wantReply(g.deliver(partner, []string{bob}, cleanMail()), "250 2.0.0")
	g.wantReply(g.deliver(crook, []string{bob}, spoofMail()), "250 2.0.0")
	g.wantReply(g.deliver(partner, []string{"x@foreign.example"}, cleanMail()), "550 5.7.1")
	code, page := 0, ""
	eventually(t, "all three are counted", func() bool { // just after the answer
		code, page = g.get("/metrics")
		return strings.Count(page, "\nmxgate_transactions_total{") == 3
	})
	for _, want := range []string{
		`mxgate_transactions_total{disposition="relay",outcome="relayed",reason="clean"} 1`,
		`mxgate_transactions_total{disposition="quarantine",outcome="quarantined",reason="own-domain-spoof"} 1`,
		"mxgate_connections_total 3", "mxgate_collect_seconds_count 2", "mxgate_dns_questions_total ", "mxgate_panics_total 0", "mxgate_faults_total 0",
	} {
		if code != http.StatusOK || !strings.Contains(page, "\n"+want) {
			t.Errorf("/metrics (%d) does not say %s", code, want)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := g.get(path); code != http.StatusOK || body != "{\"status\":\"ok\"}\n" {
			t.Errorf("%s says %d %s", path, code, body)
		}
	}
	if code, _ := g.get("/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("/debug/pprof/ says %d", code)
	}
}

// Everybody else is turned away before anything is looked up, and remembered.
func TestDuty_A2_Gateway(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"a stranger", `ranges = ["127.0.0.1"]`, `ranges = ["192.0.2.0/24"]`},
		{"a client of an expired source", `ranges = ["127.0.0.1"]`, "ranges = [\"127.0.0.1\"]\nvalid_until = 2020-12-31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := strings.Replace(stageConfig(script{dataDir: dir}, "127.0.0.1:1", "127.0.0.1:1"), c.old, c.new, 1)
			cfg, err := config.Parse("gate.toml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- s.Serve(ctx) }() // ends with stop
			conn, err := net.Dial("tcp", s.Addrs()[0].String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte("EHLO bypass.example\r\nMAIL FROM:<x@bulk.example>\r\nQUIT\r\n")); err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(conn)
			if lines := strings.Split(string(said), "\r\n"); err != nil || len(lines) != 5 || !strings.HasPrefix(lines[0], "554 gate.example.com ") || !strings.HasPrefix(lines[2], "503 5.5.1 ") || !strings.HasPrefix(lines[3], "221 ") {
				t.Errorf("was told %q, %v", said, err)
			}
			conn.Close()
			stop()
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			st, err := OpenStore(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			rows, err := st.Strangers(t.Context(), s.pipeline.now().AddDate(0, 0, -1))
			if err != nil || len(rows) != 1 || rows[0].Count != 1 || !strings.Contains(fmt.Sprint(rows[0]), "bypass.example") {
				t.Errorf("remembered as %+v, %v", rows, err)
			}
		})
	}
}
