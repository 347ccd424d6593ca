package memory

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// beside opens the same memory as a tool does.
func (w *world) beside() *world {
	w.Helper()
	c := w.config
	c.Beside = true
	s, err := Open(c)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = s.Close() })
	return &world{TB: w.TB, Store: s, config: c, n: 1000}
}

// soon waits for what the server is to notice within two seconds.
func soon(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); !true(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within two seconds: %s", what)
		}
	}
}

func TestWhatToolsDoIsInForceInTheServerWithinTwoSeconds(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.learn(w.from(20, "a@hartmanns.example"))
	tool := w.beside()
	if _, err := tool.Recall(t.Context(), policy.Question{}); !errors.Is(err, ErrBeside) {
		t.Error(err)
	}
	if err := tool.Allow(t.Context(), policy.Decision{Sender: "mail.hartmanns.example", Target: "hartmann.example", Allow: true, Who: "admin", At: day(20)}); err != nil {
		t.Fatal(err)
	}
	soon(t, "allow", func() bool {
		r := w.ask(21, "a@hartmanns.example")
		return r.Author.State == policy.Seen && len(r.Decisions) == 1 && r.Decisions[0].Who == "admin"
	})
	if err := tool.Withdraw(t.Context(), policy.Decision{Sender: "hartmanns.example", Target: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	soon(t, "revoke", func() bool { return w.state(21, "a@hartmanns.example") == policy.Shadow })
	if r, err := tool.Import(t.Context(), []Imported{{Domain: "vendor.example", Established: true, Note: "list of March"}}); err != nil || r.Domains != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	soon(t, "import", func() bool { return w.state(21, "a@vendor.example") == policy.Established })
	if err := tool.Forget(t.Context(), Forgotten{Domain: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	soon(t, "forget", func() bool { return w.state(21, "a@hartmann.example") == policy.Unseen })
	if err := tool.Withdraw(t.Context(), policy.Decision{Sender: "hartmanns.example", Target: "hartmann.example"}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, d := range []policy.Decision{{Sender: "a.example", Target: "b.a.example"}, {Sender: "example", Target: "b.example"}, {Sender: "a.example"}} {
		if err := tool.Allow(t.Context(), d); !errors.Is(err, ErrBadDecision) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

// An archive is read in beside a live server; both write all the time.
func TestAnImportIntoALiveServerLosesNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.FromNew = 100_000 })
	tool := w.beside()
	const n = 2000
	for i := range n {
		w.Learn(w.from(i%20, "a@live.example"))
		tool.Learn(tool.from(i%20, "b@archive.example"))
	}
	if err := tool.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	soon(t, "archive", func() bool { return w.ask(20, "b@archive.example").Author.Messages == n })
	w.flush()
	for range 2 {
		st, err := w.Stats(t.Context())
		if got := w.ask(20, "a@live.example").Author.Messages; err != nil || got != n || st.IDs != 2*n || st.Waiting != 0 {
			t.Errorf("%d live, %+v, %v", got, st, err)
		}
		w.again()
	}
}

func TestToolsDoTheWorkWhereNoneServes(t *testing.T) {
	w := newWorld(t)
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	tool := w.beside()
	tool.establishAll(0, "b@archive.example")
	r, err := tool.Import(t.Context(), []Imported{{Domain: "vendor.example", Established: true}})
	if err != nil || r.Waiting {
		t.Errorf("%+v, %v", r, err)
	}
	st, err := tool.Stats(t.Context())
	if err != nil || st.Domains["established"] != 2 || st.IDs != 3 || st.Threads != 3 || st.Edges != 1 || st.Waiting != 0 || !st.Since.Equal(digest.TimeOf(digest.DayOf(day(0)))) {
		t.Errorf("%+v, %v", st, err)
	}
	w.open()
	if s := w.state(14, "b@archive.example"); s != policy.Established {
		t.Errorf("%q", s)
	}
}

func (w *world) establishAll(n int, author string) {
	w.Helper()
	w.learn(w.from(n, author), w.from(n+7, author), w.from(n+14, author))
}

func TestTheNewerServerTakesTheMemoryOver(t *testing.T) {
	var told []error
	w := newWorld(t, func(c *Config) { c.OnError = func(err error) { told = append(told, err) } })
	second := &lite{}
	second, err := openLite(w.config.Dir, "second")
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	if err := second.begin(); err != nil {
		t.Fatal(err)
	}
	w.Learn(w.from(0, "a@partner.example"))
	if err := w.Flush(t.Context()); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
	if s := w.state(0, "a@partner.example"); s != policy.Seen {
		t.Errorf("it still answers: %q", s)
	}
}

func TestWhatIsForgottenIsNotOnTheDisk(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.establish(0, "a@weber-stahl.example")
	o := w.from(15, "a@hartmann.example")
	o.Name, o.Recipients = "Jo", append(o.Recipients, address(t, "max@example.org"))
	w.learn(o)
	if err := w.Forget(t.Context(), Forgotten{Recipient: "Erika@example.org"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		q := policy.Question{At: day(16), Author: o.Author, Name: "Jo", Recipients: o.Recipients[:1]}
		if r, err := w.Recall(t.Context(), q); err != nil || r.Author.ToUs != 0 || len(r.Named) != 0 || r.Author.Messages != 4 {
			t.Errorf("erika: %+v, %v", r, err)
		}
		q.Recipients = o.Recipients[1:]
		if r, err := w.Recall(t.Context(), q); err != nil || r.Author.ToUs != 1 || len(r.Named) != 1 {
			t.Errorf("max: %+v, %v", r, err)
		}
		w.again()
	}
	if err := w.Forget(t.Context(), Forgotten{Domain: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := w.ask(16, "a@weber-stahl.example", o.ID)
		if r.Thread.Number == 0 || slices.Contains(r.Thread.Participants, "hartmann.example") || w.state(16, "a@hartmann.example") != policy.Unseen {
			t.Errorf("%+v", r)
		}
		w.again()
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(w.config.Dir, databaseName))
	if err != nil || bytes.Contains(content, []byte("hartmann")) || !bytes.Contains(content, []byte("weber-stahl")) {
		t.Errorf("the name is still in the file, %v", err)
	}
	w.open()
	if err := w.Forget(t.Context(), Forgotten{All: true}); err != nil {
		t.Fatal(err)
	}
	w.again()
	if st, err := w.Stats(t.Context()); err != nil || len(st.Domains) != 0 || st.IDs+st.Threads+st.Edges+st.Names != 0 || !st.Since.IsZero() {
		t.Errorf("%+v, %v", st, err)
	}
	for _, f := range []Forgotten{{}, {Domain: "example"}, {Recipient: "nobody@"}} {
		if w.Forget(t.Context(), f) == nil {
			t.Errorf("%+v", f)
		}
	}
}

func TestTheDatabaseHoldsNoAddressIDOrName(t *testing.T) {
	w := newWorld(t)
	o := w.from(0, "localpart@partner.example")
	o.Name, o.ID, o.Accounts = "Display Name", "secret-id@host.partner.example", []string{"DE89370400440532013000"}
	w.learn(o)
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(w.config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{"localpart", "erika", "secret-id", "Display", "DE8937"} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnExportIsDomainsAndDecisionsInLines(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.learn(w.from(20, "a@hartmanns.example"))
	if err := w.Allow(t.Context(), policy.Decision{Sender: "hartmanns.example", Target: "hartmann.example", Recipient: "Erika@Example.org", Allow: true, Who: "admin", Why: "asked", At: day(20)}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []*world{w, w.beside()} {
		var out bytes.Buffer
		if err := from.Export(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		var lines []exported
		for scan := bufio.NewScanner(&out); scan.Scan(); {
			var e exported
			if err := json.Unmarshal(scan.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, e)
		}
		if len(lines) != 3 || lines[0].Domain.State != policy.Established || lines[0].Domain.Messages != 3 || lines[1].Domain.ShadowOf != "hartmann.example" || lines[2].Decision.Recipient != "erika@example.org" {
			t.Errorf("%+v", lines)
		}
	}
}

func TestADamagedDatabaseIsAnErrorThatSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.Learn(w.from(i%20, "a@"+domainName(i)))
	}
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.config.Dir, databaseName)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func([]byte) []byte { return bytes.Repeat([]byte("x"), 8192) },
		"torn pages":  func(b []byte) []byte { return append(b[:4096:4096], bytes.Repeat([]byte{0xee}, len(b)-4096)...) },
	} {
		if err := os.WriteFile(path, damage(slices.Clone(content)), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(w.config); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "aside") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestABrokenSegmentCostsOnlyWhatItHeld(t *testing.T) {
	var told []string
	w := newWorld(t, func(c *Config) { c.OnError = func(err error) { told = append(told, err.Error()) } })
	first := w.from(0, "a@partner.example")
	w.learn(first)
	second := w.from(1, "a@partner.example")
	w.learn(second)
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn(filepath.Join(w.config.Dir, databaseName)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE segment SET body = x'01ff' WHERE seq = (SELECT min(seq) FROM segment WHERE kind = 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	if w.ask(2, "a@partner.example", first.ID).Thread.Number != 0 || w.ask(2, "a@partner.example", second.ID).Thread.Number == 0 || len(told) != 1 {
		t.Errorf("told %q", told)
	}
	w.flush()
	w.again()
	if len(told) != 1 {
		t.Errorf("the broken part is still there: %q", told)
	}
}

func TestALostKeyLosesTheIDsAndAWrongOneIsRefused(t *testing.T) {
	var told []string
	w := newWorld(t, func(c *Config) { c.OnError = func(err error) { told = append(told, err.Error()) } })
	w.establish(0, "a@partner.example")
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(w.config.Dir, digest.KeyName)
	if err := os.WriteFile(key, bytes.Repeat([]byte{1}, digest.KeyOctets), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(w.config); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(w.config); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("%v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.open()
		if st, err := w.Stats(t.Context()); err != nil || st.IDs != 0 || st.Domains["established"] != 1 || len(told) != 1 {
			t.Errorf("%+v, %v, %q", st, err, told)
		}
		w.flush()
		if err := w.Store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
}

func TestANewerSchemaIsRefused(t *testing.T) {
	w := newWorld(t)
	if _, err := w.db.(*lite).sure.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(w.config); !errors.Is(err, ErrNewerSchema) {
		t.Error(err)
	}
}

// A process that learns as fast as it can is killed; what it had committed is
// there, and nothing is damaged.
func TestKilledWhileLearningItLosesASecondAtMost(t *testing.T) {
	if dir := os.Getenv("MEMORY_KILL_DIR"); dir != "" {
		w := &world{TB: t, config: Config{Dir: dir, Own: []mail.Domain{"example.org"}}}
		w.open()
		fmt.Println("ready")
		for i := 0; ; i++ {
			w.Learn(w.from(i%50, "a@"+domainName(i%500)))
			if i%1000 == 999 {
				w.flush()
				fmt.Println(i + 1)
			}
		}
	}
	dir := t.TempDir()
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "MEMORY_KILL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 5 {
			lines.Scan()
		}
		last := lines.Text()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		w := newWorld(t, func(c *Config) { c.Dir = dir })
		var n int
		if _, err := fmt.Sscan(last, &n); err != nil {
			t.Fatalf("%q: %v", last, err)
		}
		if st, err := w.Stats(t.Context()); err != nil || st.IDs < n || st.Domains["seen"]+st.Domains["established"] != 500 {
			t.Errorf("%d were committed: %+v, %v", n, st, err)
		}
		if err := w.Store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
