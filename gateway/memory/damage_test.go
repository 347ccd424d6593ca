package memory

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// closed closes the memory and returns the path of its database.
func (w *world) closed() string {
	w.Helper()
	if err := w.Store.Close(); err != nil {
		w.Fatal(err)
	}
	return filepath.Join(w.config.Dir, databaseName)
}

// alter runs statements on a database that nobody has open.
func alter(text string) func(path string) error {
	return func(path string) error {
		db, err := sql.Open("sqlite", dsn(path))
		if err == nil {
			_, err = db.Exec(text)
			err = errors.Join(err, db.Close())
		}
		return err
	}
}

func TestADamagedDatabaseIsAnErrorAndCanBeSetAside(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.Learn(w.from(i%20, "a@"+domainName(i)))
	}
	for i := range 20 {
		if err := w.Allow(t.Context(), policy.Decision{Sender: mail.Domain(domainName(i)), Target: "partner.example", Allow: i > 0, Who: "eve", At: day(0)}); err != nil {
			t.Fatal(err)
		}
	}
	path := w.closed()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Repeat([]byte{0xee}, 4096)
	for i, tt := range []struct {
		name    string
		damage  func([]byte) []byte
		rescued int
	}{
		{"no database", func([]byte) []byte { return bytes.Repeat([]byte("x"), 8192) }, 0},
		{"torn pages", func(b []byte) []byte { return append(b[:4096:4096], bytes.Repeat([]byte{0xee}, len(b)-4096)...) }, 0},
		{"torn where a domain is", func(b []byte) []byte {
			for page := range slices.Chunk(b, len(torn)) {
				if bytes.Contains(page, []byte(domainName(150))) {
					copy(page, torn)
				}
			}
			return b
		}, 20},
	} {
		if err := os.WriteFile(path, tt.damage(slices.Clone(content)), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(w.config); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "aside") {
			t.Fatalf("%s: %v, %v", tt.name, s, err)
		}
		aside, err := SetAside(w.config.Dir, day(i))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := os.ReadFile(aside); err != nil || len(kept) < 8192 {
			t.Errorf("%s: %d octets are kept, %v", tt.name, len(kept), err)
		}
		w.open()
		n, err := w.Rescue(aside)
		if n != tt.rescued || (err == nil) != (n > 0) {
			t.Errorf("%s: %d rescued, %v", tt.name, n, err)
		}
		w.learn(w.from(0, "a@"+domainName(0)))
		if r := w.ask(1, "a@"+domainName(0)); r.Author.State != policy.Seen || len(r.Decisions) != n/20 || n > 0 && (r.Decisions[0].Allow || r.Decisions[0].Who != "eve") {
			t.Errorf("%s: %+v", tt.name, r)
		}
		w.again()
		if all, err := w.Decisions(t.Context()); err != nil || len(all) != n {
			t.Errorf("%s: %d decisions, %v", tt.name, len(all), err)
		}
		if err := w.Store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
}

// Who takes decisions over late, when the disk has room again, must not undo what
// people have said meanwhile.
func TestWhatWasSaidSinceARescueStands(t *testing.T) {
	w := newWorld(t)
	say := func(sender mail.Domain, allow bool) {
		t.Helper()
		if err := w.Allow(t.Context(), policy.Decision{Sender: sender, Target: "b.example", Allow: allow, At: day(0)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, sender := range []mail.Domain{"kept.example", "revoked.example", "turned.example"} {
		say(sender, true)
	}
	if err := alter("DROP TABLE domain")(w.closed()); err != nil {
		t.Fatal(err)
	}
	aside, err := SetAside(w.config.Dir, day(0))
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	say("turned.example", false)
	say("revoked.example", true)
	if err := w.Withdraw(t.Context(), policy.Decision{Sender: "revoked.example", Target: "b.example"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := w.Rescue(aside); n != want || err != nil {
			t.Errorf("%d rescued, want %d, %v", n, want, err)
		}
	}
	all, err := w.Decisions(t.Context())
	if err != nil || len(all) != 2 || all[0].Sender != "kept.example" || !all[0].Allow || all[1].Sender != "turned.example" || all[1].Allow {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestARowThatNobodyHasWrittenIsDamage(t *testing.T) {
	for _, damage := range []string{"UPDATE domain SET days = -5", "UPDATE domain SET proofs = '{'", "UPDATE domain SET id = 1 << 40 WHERE name != 'example.org'", "UPDATE meta SET value = 'x' WHERE key = 'since'", "UPDATE decision SET allow = 5"} {
		w := newWorld(t)
		w.learn(w.from(0, "a@partner.example"))
		if err := w.Allow(t.Context(), policy.Decision{Sender: "a.example", Target: "b.example", At: day(0)}); err != nil {
			t.Fatal(err)
		}
		if err := alter(damage)(w.closed()); err != nil {
			t.Fatal(damage, err)
		}
		if s, err := Open(w.config); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %v", damage, s, err)
		}
	}
}

// What nobody of ours has written is damage too: an empty file least of all is a
// memory that begins, where there is a key.
func TestWhatIsNoMemoryOfOursIsDamageAndItsDecisionsAreTakenOver(t *testing.T) {
	for _, tt := range []struct {
		name    string
		damage  func(path string) error
		rescued int
		image   error
	}{
		{"no file", os.Remove, 0, ErrNone},
		{"an empty file", func(path string) error { return os.Truncate(path, 0) }, 0, ErrNone},
		{"a schema below 0", alter("PRAGMA user_version = -1"), 1, ErrDamaged},
		{"schema 0 with tables", alter("PRAGMA user_version = 0"), 1, ErrDamaged},
		{"an older schema without its tables", alter("DROP TABLE domain; PRAGMA user_version = 1"), 1, ErrOlderSchema},
		{"no domains", alter("DROP TABLE domain"), 1, ErrDamaged},
		{"no decisions", alter("DROP TABLE decision"), 0, ErrDamaged},
		{"no changes", alter("DROP TABLE change"), 1, ErrDamaged},
		{"a column less", alter("ALTER TABLE domain DROP COLUMN second"), 1, ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.learn(w.from(0, "a@partner.example"))
			if err := w.Allow(t.Context(), policy.Decision{Sender: "a.example", Target: "b.example", At: day(0)}); err != nil {
				t.Fatal(err)
			}
			path := w.closed()
			if err := tt.damage(path); err != nil {
				t.Fatal(err)
			}
			if i, err := OpenImage(w.config, day(0)); !errors.Is(err, tt.image) {
				t.Errorf("to look into: %v, %v", i, err)
			}
			for _, beside := range []bool{true, false} {
				c := w.config
				c.Beside = beside
				if s, err := Open(c); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || errors.Is(err, ErrNewerSchema) {
					t.Fatalf("beside: %t: %v, %v", beside, s, err)
				}
			}
			aside, err := SetAside(w.config.Dir, day(0))
			if err != nil || (aside == "") != (tt.name == "no file") {
				t.Fatalf("%q, %v", aside, err)
			}
			w.open()
			whole := tt.rescued > 0 && tt.name != "no changes" // without them nobody knows what was taken back
			if n, err := w.Rescue(aside); n != tt.rescued || (err == nil) != whole || errors.Is(err, ErrUnread) {
				t.Errorf("%d rescued, %v", n, err)
			}
			w.learn(w.from(0, "a@partner.example"))
			w.again()
			if r := w.ask(1, "a@partner.example"); r.Author.Messages != 1 {
				t.Errorf("%+v", r)
			}
			left, err := filepath.Glob(filepath.Join(w.config.Dir, "memory.[^u]*")) // memory.users may be there
			if want := 5; err != nil || len(left)-min(len(aside), 1) != want {      // db, -wal, -shm, key, lock
				t.Errorf("%q, want %d and what was set aside; %v", left, want, err)
			}
		})
	}
}

func TestABrokenSegmentCostsOnlyWhatItHeld(t *testing.T) {
	var told []string
	w := newWorld(t, func(c *Config) { c.OnError = func(err error) { told = append(told, err.Error()) } })
	first := w.from(0, "a@partner.example")
	w.learn(first)
	second := w.from(1, "a@partner.example")
	w.learn(second)
	if err := alter("UPDATE segment SET body = x'01ff' WHERE seq = (SELECT min(seq) FROM segment WHERE kind = 1)")(w.closed()); err != nil {
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
	key := filepath.Join(filepath.Dir(w.closed()), digest.KeyName)
	for _, wrong := range [][]byte{bytes.Repeat([]byte{1}, digest.KeyOctets), []byte("short")} {
		if err := os.WriteFile(key, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.config); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%d octets: %v", len(wrong), err)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	beside := w.config
	beside.Beside = true
	if _, err := Open(beside); err == nil || !strings.Contains(err.Error(), key+" is missing: restore it") {
		t.Errorf("a tool: %v", err)
	}
	if _, err := os.Stat(key); err == nil { // it would not be the key of what is there
		t.Error("a tool made another key")
	}
	for range 2 {
		w.open()
		if st, err := w.Stats(t.Context()); err != nil || st.IDs != 0 || st.Domains["established"] != 1 || len(told) != 1 {
			t.Errorf("%+v, %v, %q", st, err, told)
		}
		w.flush()
		w.closed()
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	db, _, lost, err := layOut(w.config.Dir, false) // a start that is killed before it has noted the new key
	if err != nil || !lost || db.close() != nil {
		t.Errorf("lost: %v, %v", lost, err)
	}
	w.open()
	if st, err := w.Stats(t.Context()); err != nil || st.IDs != 0 || st.Domains["established"] != 1 {
		t.Errorf("after it: %+v, %v", st, err)
	}
}

func TestADatabaseOfAnOlderSchemaIsTakenOver(t *testing.T) {
	w := newWorld(t)
	path := w.closed()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	first := calendar.DayOf(day(0))
	var old strings.Builder
	for _, step := range []string{"schema/0001.sql", "schema/0002.sql"} {
		text, err := migrations.ReadFile(step)
		if err != nil {
			t.Fatal(err)
		}
		old.Write(text)
	}
	fmt.Fprintf(&old, "INSERT INTO domain VALUES (7, 'partner.example', %d, %d, %d, 3, 5, 2, 1, 1, 0, '', '', 'a note', 0); PRAGMA user_version = 2", first, first+20, first)
	if err := alter(old.String())(path); err != nil {
		t.Fatal(err)
	}
	w.open()
	for range 2 {
		if k := w.ask(20, "a@partner.example").Author; k.State != policy.TwoWay || k.Messages != 5 || !k.First.Equal(calendar.TimeOf(first)) {
			t.Errorf("%+v", k)
		}
		w.learn(w.from(21, "b@other.example"))
		w.again()
	}
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
		if st, err := w.Stats(t.Context()); err != nil || w.ram.known.Len() != st.Domains["established"] {
			t.Errorf("%d in the index of %+v, %v", w.ram.known.Len(), st.Domains, err)
		}
		if err := w.Store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
