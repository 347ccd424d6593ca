package memory

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// say decides on a sender, for b.example.
func (w *world) say(sender mail.Domain, allow bool, n int) {
	w.Helper()
	if err := w.Allow(w.Context(), policy.Decision{Sender: sender, Target: "b.example", Allow: allow, At: day(n)}); err != nil {
		w.Fatal(err)
	}
}

// setAside damages the memory, sets it aside and opens an empty one.
func (w *world) setAside(damage string, n int) (aside string) {
	w.Helper()
	if err := alter(damage)(w.closed()); err != nil {
		w.Fatal(err)
	}
	aside, err := SetAside(w.config.Dir, day(n))
	if err != nil {
		w.Fatal(err)
	}
	w.open()
	return aside
}

// wantRescued fails unless a Rescue takes over so many and says what err is.
func (w *world) wantRescued(aside string, want int, is ...error) {
	w.Helper()
	n, err := w.Rescue(aside)
	if n != want || (err == nil) != (len(is) == 0) {
		w.Errorf("%d rescued, want %d; %v", n, want, err)
	}
	for _, e := range []error{ErrUnread, ErrAgain} {
		if errors.Is(err, e) != slices.Contains(is, e) {
			w.Errorf("%v: want %v", err, is)
		}
	}
	if marked := exists(aside + unreadSuffix); marked != slices.Contains(is, ErrUnread) {
		w.Errorf("it is marked: %t; %v", marked, err)
	}
}

// wantSenders fails unless there are decisions on these alone, in the ram and on the disk.
func (w *world) wantSenders(want ...mail.Domain) {
	w.Helper()
	all, err := w.Decisions(w.Context())
	var got, loaded []mail.Domain
	for _, d := range all {
		got = append(got, d.Sender)
		if len(w.ask(500, "x@"+string(d.Sender)).Decisions) == 1 {
			loaded = append(loaded, d.Sender)
		}
	}
	if err != nil || !slices.Equal(got, want) || !slices.Equal(loaded, want) {
		w.Errorf("decisions on %v, in force on %v, want %v; %v", got, loaded, want, err)
	}
}

// killed is a memory whose process was killed before it was damaged: what people said
// is in the log of SQLite alone.
func killed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	db, err := sql.Open("sqlite", dsn(filepath.Join(w.config.Dir, databaseName)))
	if err == nil {
		err = db.Ping() // as long as it is open SQLite keeps the log
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() // copied before
	w.say("a.example", false, 0)
	w.closed()
	if _, err := db.Exec("DROP TABLE domain"); err != nil {
		t.Fatal(err)
	}
	dead := &world{TB: t, config: w.config}
	dead.config.Dir = t.TempDir()
	for _, name := range []string{databaseName, databaseName + "-wal", digest.KeyName} {
		from, err := os.Open(filepath.Join(w.config.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.Create(filepath.Join(dead.config.Dir, name))
		if err == nil {
			_, err = io.Copy(to, from)
		}
		if err := errors.Join(err, from.Close(), to.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return dead
}

// Wherever a SetAside is ended, the next start finds all that people have said.
func TestASetAsideThatWasKilledLosesNoDecision(t *testing.T) {
	const at = "20260302T120000Z" // day 0
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name string
		do   func(path, aside, fresh string)
	}{
		{"not begun", func(_, _, _ string) {}},
		{"half an empty one", func(_, _, fresh string) {
			do(os.Mkdir(fresh, 0o700))
			do(os.WriteFile(filepath.Join(fresh, databaseName), []byte("SQLite"), 0o600))
		}},
		{"an empty one", func(_, _, fresh string) { do(makeEmpty(fresh)) }},
		{"marked", func(_, aside, _ string) { do(os.WriteFile(aside+unreadSuffix, nil, 0o600)) }},
		{"moved", func(path, aside, _ string) { do(os.Rename(path, aside)) }},
		{"its log moved", func(path, aside, _ string) { do(os.Rename(path+"-wal", aside+"-wal")) }},
		{"the empty one in its place", func(path, _, fresh string) { do(os.Rename(filepath.Join(fresh, databaseName), path)) }},
		{"done", func(_, _, fresh string) { do(os.Remove(fresh)) }},
	}
	for last, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			w := killed(t)
			path := filepath.Join(w.config.Dir, databaseName)
			aside, fresh := filepath.Join(w.config.Dir, asidePrefix+at), filepath.Join(w.config.Dir, freshPrefix+at)
			for _, s := range steps[:last+1] {
				s.do(path, aside, fresh)
			}
			s, err := Open(w.config)
			if done := last > 5; done != (err == nil) || !done && !errors.Is(err, ErrDamaged) {
				t.Fatalf("%v, %v", s, err)
			}
			if err != nil {
				if _, err := SetAside(w.config.Dir, day(1)); err != nil {
					t.Fatal(err)
				}
				w.open()
			} else {
				w.Store = s
			}
			asides, err := Unread(w.config.Dir)
			if err != nil || len(asides) != 1 {
				t.Fatalf("%q are unread, %v", asides, err)
			}
			w.wantRescued(asides[0], 1)
			w.wantSenders("a.example")
			again := w.setAside("DROP TABLE domain", 0)
			w.wantRescued(again, 1)
			w.wantSenders("a.example")
			if left, err := filepath.Glob(filepath.Join(w.config.Dir, freshPrefix+"*")); err != nil || len(left) > 0 || again <= asides[0] {
				t.Errorf("left: %q, %v; %s, and then %s", left, err, asides[0], again)
			}
			if err := w.Store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The newest holds, also where the clock was set back since.
func TestWhatIsSetAsideLaterIsReadFirst(t *testing.T) {
	w := newWorld(t)
	var all []string
	for _, n := range []int{5, 5, 0, 9} {
		all = append([]string{w.setAside("DROP TABLE domain", n)}, all...)
	}
	if got, err := Unread(w.config.Dir); err != nil || !slices.Equal(got, all) {
		t.Errorf("got %q, want %q; %v", got, all, err)
	}
}

func TestARescuedAllowanceThatIsInUseStays(t *testing.T) {
	w := newWorld(t)
	for _, sender := range []mail.Domain{"unused.example", "used.example"} {
		w.say(sender, true, 0)
	}
	for n := range 20 {
		w.ask(20*n, "x@used.example")
		w.sweepTo(20*n, 20*n+19)
	}
	aside := w.setAside("DROP TABLE domain", 400)
	w.wantRescued(aside, 2)
	w.sweepTo(400, 460)
	w.wantSenders("used.example")
}

func TestWhatIsTakenBackWhileItIsUnreadIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	withdraw := func(s *Store, want error) {
		t.Helper()
		err := s.Withdraw(t.Context(), policy.Decision{Sender: "a.example", Target: "b.example", Who: "jo"})
		if !errors.Is(err, want) || errors.Is(err, ErrNotFound) != (want == ErrNotFound) || want == ErrUnread && !strings.Contains(err.Error(), "will not come into force") {
			t.Errorf("%v, want %v", err, want)
		}
	}
	withdraw(w.Store, ErrNotFound)
	w.say("a.example", true, 0)
	w.say("kept.example", true, 0)
	aside := w.setAside("DROP TABLE domain", 1)
	withdraw(w.beside().Store, ErrUnread)
	withdraw(w.Store, ErrUnread)
	w.wantRescued(aside, 1)
	w.wantSenders("kept.example")
	withdraw(w.Store, ErrNotFound)
	if c, err := w.Changes(t.Context(), 10); err != nil || len(c) != 3 || c[1].Act != Revoked || c[1].Who != "jo" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A kill between a rescue and its end leaves an older file to be read after a newer one.
func TestWhatWasTakenBackInANewerFileIsNotTakenOverFromAnOlderOne(t *testing.T) {
	for _, rest := range []string{"", "; DELETE FROM decision"} {
		w := newWorld(t)
		for _, sender := range []mail.Domain{"blocked.example", "revoked.example", "turned.example"} {
			w.say(sender, sender == "revoked.example", 0)
		}
		older := w.setAside("DROP TABLE domain", 1)
		w.wantRescued(older, 3)
		if err := os.WriteFile(older+unreadSuffix, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.Withdraw(t.Context(), policy.Decision{Sender: "revoked.example", Target: "b.example"}); err != nil {
			t.Fatal(err)
		}
		w.say("turned.example", true, 2)
		newer := w.setAside("DROP TABLE domain"+rest, 2)
		if rest == "" {
			w.wantRescued(newer, 2)
			w.wantRescued(older, 0)
			w.wantSenders("blocked.example", "turned.example")
		} else { // what cannot be read there is as it was said here, unless something else was said there
			w.wantRescued(newer, 0)
			w.wantRescued(older, 1)
			w.wantSenders("blocked.example")
		}
		w.again()
		w.wantRescued(older, 0)
		if err := w.Store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whoever looks into the file, or a disk that fails, costs time and no decision.
func TestARescueThatCannotReadNowComesAgain(t *testing.T) {
	w := newWorld(t)
	w.say("a.example", false, 0)
	aside := w.setAside("DROP TABLE domain", 1)
	db, err := sql.Open("sqlite", dsn(aside))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	w.wantRescued(aside, 0, ErrUnread)
	w.wantRescued(aside, 0, ErrUnread, ErrAgain)
	w.again()
	w.wantRescued(aside, 0, ErrUnread) // said by each process
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(aside, aside+".x"), os.Mkdir(aside, 0o700)); err != nil {
		t.Fatal(err)
	}
	w.wantRescued(aside, 0, ErrUnread, ErrAgain) // SQLite calls it a file that cannot be opened
	if err := errors.Join(os.Remove(aside), os.Rename(aside+".x", aside)); err != nil {
		t.Fatal(err)
	}
	w.wantRescued(aside, 1)
	w.wantSenders("a.example")
	if err := errors.Join(os.Remove(aside), os.WriteFile(aside+unreadSuffix, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.wantRescued(aside, 0, os.ErrNotExist)
}

// At each moment there is either all that the next start needs to go on, or nothing
// has begun. Who looks all the time sees each.
func TestASetAsideCanBeEndedAtEachMoment(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		path := filepath.Join(dir, databaseName)
		aside := filepath.Join(dir, asidePrefix+day(0).Format(asideTime))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.WriteFile(path+suffix, make([]byte, 8192), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		done, seen := make(chan error), 0
		go func() {
			_, err := SetAside(dir, day(0))
			done <- err
		}()
		for ended := false; !ended; seen++ {
			select {
			case err := <-done:
				if ended = true; err != nil {
					t.Fatal(err)
				}
			default:
			}
			log, moved := exists(aside+"-wal"), exists(aside) // what comes first is asked last
			if log && !moved {
				t.Fatal("the log was moved before the database")
			}
			if moved && !exists(aside+unreadSuffix) {
				t.Fatal("the database was moved before it was marked")
			}
			if moved && exists(path) && !exists(aside+"-wal") {
				t.Fatal("the new database has the old log")
			}
		}
		if seen < 100 {
			t.Logf("looked %d times", seen)
		}
	}
}
