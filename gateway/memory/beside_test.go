package memory

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/calendar"
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

// soon waits for what the server is to notice by itself. How soon that is
// pollDelay says; here it may be busy.
func soon(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !true(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWhatToolsDoIsInForceInTheServerWithinTwoSeconds(t *testing.T) {
	if pollDelay+batchDelay >= 2*time.Second { // it looks, and at the latest with the next commit it is on the disk
		t.Errorf("looked for each %v, committed within %v", pollDelay, batchDelay)
	}
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
	soon(t, "gone from the disk", func() bool {
		s, err := tool.Stats(t.Context())
		return err == nil && s.Waiting == 0 && !s.Since.IsZero()
	})
	if err := tool.Forget(t.Context(), Forgotten{All: true}); err != nil {
		t.Fatal(err)
	}
	soon(t, "all forgotten, and since when", func() bool {
		s, err := tool.Stats(t.Context())
		return err == nil && s.Waiting == 0 && s.Since.IsZero() && s.IDs+s.Threads+s.Edges == 0
	})
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

func TestALongListDoesNotCostTheMailThatComesMeanwhile(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Queue = 10 })
	tool := w.beside()
	if err := w.do(t.Context(), func() error {
		for i := range 3 {
			if err := tool.put(askImport, []Imported{{Domain: mail.Domain(domainName(i))}}); err != nil {
				return err
			}
		}
		for range 10 {
			w.Learn(w.from(0, "a@partner.example"))
		}
		if err := w.desk.look(); err != nil || len(w.queue) != 0 {
			t.Errorf("%d messages wait, %v", len(w.queue), err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestToolsDoTheWorkWhereNoneServes(t *testing.T) {
	w := newWorld(t)
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	tool := w.beside()
	tool.establishAll(0, "b@archive.example")
	list := []Imported{{Domain: "vendor.example", Established: true}}
	for i := range 2 * importTogether {
		list = append(list, Imported{Domain: mail.Domain(domainName(i))})
	}
	r, err := tool.Import(t.Context(), list)
	if err != nil || r.Waiting || r.Domains != len(list) {
		t.Errorf("%+v, %v", r, err)
	}
	st, err := tool.Stats(t.Context())
	if err != nil || st.Domains["established"] != 2 || st.Domains["seen"] != 2*importTogether || st.IDs != 3 || st.Threads != 3 || st.Edges != 1 || st.Waiting != 0 || !st.Since.Equal(calendar.TimeOf(calendar.DayOf(day(0)))) {
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

// holds lists the files of the memory in which a text is found.
func (w *world) holds(text string) (names []string) {
	w.Helper()
	all, err := os.ReadDir(w.config.Dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range all {
		content, err := os.ReadFile(filepath.Join(w.config.Dir, f.Name()))
		if err != nil {
			w.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			names = append(names, f.Name())
		}
	}
	return names
}

func TestWhatIsForgottenIsInNoFileWhileTheServerRuns(t *testing.T) {
	w := newWorld(t)
	w.learn(w.from(0, "a@hartmann.example"), w.from(0, "a@weber-stahl.example"))
	tool := w.beside()
	for _, from := range []*world{w, tool} {
		if err := from.Forget(t.Context(), Forgotten{Recipient: "Geheim.Person@example.org"}); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"geheim", "Geheim"} {
			if in := w.holds(text); in != nil {
				t.Errorf("who asks to be forgotten is written down for it in %v", in)
			}
		}
	}
	if err := tool.Forget(t.Context(), Forgotten{Domain: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	reader, err := tool.db.(*lite).learn.Query("SELECT name FROM domain") // a copy is made, or an export
	if err != nil || !reader.Next() {
		t.Fatal(err)
	}
	w.flush()
	if err := w.do(t.Context(), func() error {
		if !w.desk.stale {
			t.Error("the log was emptied under a reader")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	w.flush()
	if in := w.holds("hartmann.example"); in != nil {
		t.Errorf("a domain that was forgotten is in %v", in)
	}
	if in := w.holds("weber-stahl.example"); in == nil {
		t.Error("what was not forgotten is nowhere")
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

func TestANoteIsCutBetweenLetters(t *testing.T) {
	w := newWorld(t)
	if err := w.Allow(t.Context(), policy.Decision{Sender: "a.example", Target: "b.example", Why: "x" + strings.Repeat("ü", maxNote), At: day(0)}); err != nil {
		t.Fatal(err)
	}
	if all, err := w.Decisions(t.Context()); err != nil || len(all) != 1 || all[0].Why != "x"+strings.Repeat("ü", (maxNote-1)/2) {
		t.Errorf("%+v, %v", all, err)
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
