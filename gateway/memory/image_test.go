package memory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// image reads the memory as it is, as of a day.
func (w *world) image(n int) *Image {
	w.Helper()
	i, err := OpenImage(w.config, day(n))
	if err != nil {
		w.Fatal(err)
	}
	return i
}

// files are the contents of all files of a directory, by name.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

func TestAnImageAnswersAsTheServerDoesWhetherItRunsOrNot(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.establish(0, "a@acme.example")
	genuine := w.from(20, "a@hartmann.example")
	genuine.Name, genuine.Accounts = "Jo", []string{"DE89370400440532013000"}
	w.learn(genuine, w.from(21, "b@hartrnann.example"))
	for _, d := range []policy.Decision{{Sender: "hartrnann.example", Target: "other.example", At: day(20)}, {Sender: "hartmanm.example", Target: "hartmann.example", Allow: true, At: day(20), Expires: day(24)}} {
		if err := w.Allow(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	questions := func(at time.Time) (all []policy.Question) {
		for _, author := range []string{"a@hartmann.example", "b@hartrnann.example", "c@hartmanm.example", "a@mail.acrne.example", "x@example.org"} {
			all = append(all, policy.Question{At: at, Author: address(t, author), Name: "Jo", Recipients: genuine.Recipients, Cited: []string{genuine.ID},
				Domains: []mail.Domain{"mail.hartmann.example", "never.example"}, Accounts: []string{"GB33BUKB20201555555555"}})
		}
		return all
	}
	var want []policy.Recollection
	for _, q := range questions(day(21)) {
		r, err := w.Recall(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	if want[1].Author.State != policy.Shadow || want[0].Thread.Number == 0 || len(want[2].Decisions) != 1 || len(want[0].Named) != 1 || len(want[0].Thread.NewAccounts) != 1 {
		t.Fatalf("the test asks for little: %+v", want)
	}
	for _, state := range []string{"beside the server", "while there is none"} {
		i := w.image(21)
		for n, q := range questions(day(400)) { // it answers as of its own day
			if got, err := i.Recall(t.Context(), q); err != nil || !reflect.DeepEqual(got, want[n]) {
				t.Errorf("%s, %s: %+v, %v; the server says %+v", state, q.Author, got, err, want[n])
			}
		}
		if !i.Knows(genuine.ID) || i.Knows("nobody@hartmann.example") || i.Knows("") || !i.Since().Equal(calendar.TimeOf(calendar.DayOf(day(0)))) || !i.At().Equal(day(21)) {
			t.Errorf("%s: since %s, at %s", state, i.Since(), i.At())
		}
		_ = w.Store.Close() // the second time it is
	}
	if r, err := w.image(25).Recall(t.Context(), questions(day(21))[2]); err != nil || len(r.Decisions) != 0 {
		t.Errorf("a decision that has expired is in force: %+v, %v", r.Decisions, err)
	}
}

func TestToMakeAnImageWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	before, err := w.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changed, err := w.db.changed()
	w.image(20)
	if again, err2 := w.db.changed(); changed || again || err != nil || err2 != nil {
		t.Errorf("the server sees a change: %t, %t, %v, %v", changed, again, err, err2)
	}
	if after, err := w.Stats(t.Context()); err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
	w.learn(w.from(20, "b@hartmann.example")) // it still serves
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	still := files(t, w.config.Dir)
	w.image(20)
	if !reflect.DeepEqual(files(t, w.config.Dir), still) {
		t.Error("the files are others")
	}
}

func TestAnImageIsOfOneMoment(t *testing.T) {
	w := newWorld(t)
	w.learn(w.from(0, "a@hartmann.example"))
	c := w.config
	c.Progress = func(int, int) { // in the middle of reading
		if err := w.Allow(t.Context(), policy.Decision{Sender: "hartmann.example", Target: "other.example", Allow: true, At: day(0)}); err != nil {
			t.Error(err)
		}
	}
	i, err := OpenImage(c, day(1))
	if err != nil {
		t.Fatal(err)
	}
	q := policy.Question{At: day(1), Author: address(t, "a@hartmann.example")}
	if r, err := i.Recall(t.Context(), q); err != nil || r.Author.State != policy.Seen || len(r.Decisions) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.image(1).Recall(t.Context(), q); err != nil || len(r.Decisions) != 1 {
		t.Errorf("the next one: %+v, %v", r, err)
	}
}

func TestAnImageIsMadeWhileTheServerLearnsAndPacks(t *testing.T) {
	w := newWorld(t)
	f := newTraffic(20_000)
	for range 2000 {
		w.Learn(f.next())
	}
	w.flush()
	stop, done := make(chan struct{}), make(chan error)
	go func() { // learns, and packs all anew, until it is told to stop
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			for range 20 {
				w.Learn(f.next())
			}
			err := w.do(t.Context(), func() error { w.desk.wanted = true; return nil })
			if err == nil {
				err = w.Flush(t.Context())
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	ids := 0
	for range 30 {
		r := w.image(0).store.ram
		if r.IDs.Len() < ids || r.Threads.Len() == 0 {
			t.Errorf("%d ids after %d, %d threads", r.IDs.Len(), ids, r.Threads.Len())
		}
		ids = r.IDs.Len()
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhatMadeRoomForOthersIsNotInAnImage(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.IDs, c.Limits.Threads, c.Limits.Domains = 100, 50, 30 })
	for i := range 300 {
		if w.Learn(w.from(i/100, "a@"+domainName(i))); i%50 == 49 {
			w.flush()
		}
	}
	got, want := w.image(4).store.ram, w.ram
	if got.IDs.Len() != want.IDs.Len() || got.Threads.Len() != want.Threads.Len() || len(got.byName) != len(want.byName) || got.IDs.Len() > 100 {
		t.Errorf("%d ids, %d threads, %d domains; the server has %d, %d, %d", got.IDs.Len(), got.Threads.Len(), len(got.byName), want.IDs.Len(), want.Threads.Len(), len(want.byName))
	}
}

func TestAnImageIsReadAnewIfAGatewayStartsMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	o := w.from(15, "a@hartmann.example")
	c := w.config
	times := 0
	c.Progress = func(done, _ int) { // in the middle of reading
		if times++; times == 1 {
			w.open()
			w.learn(o)
		}
	}
	if i, err := OpenImage(c, day(20)); err != nil || !i.Knows(o.ID) {
		t.Errorf("%v", err)
	}
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	c.Progress = func(done, _ int) {
		if done == 1 { // it starts and ends, each time
			w.open()
			w.learn(w.from(16, "a@hartmann.example"))
			_ = w.Store.Close()
		}
	}
	if i, err := OpenImage(c, day(20)); i != nil || err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("%v, %v", i, err)
	}
}

func TestAnImageOfWhatIsLeftBehindByAKillHasAllThatWasCommitted(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	left := t.TempDir()
	for name, content := range files(t, w.config.Dir) { // as a process leaves them that is killed
		if err := os.WriteFile(filepath.Join(left, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.config.Dir = left
	before := files(t, left)
	defer func() {
		delete(before, databaseName+"-shm") // who reads, and where: SQLite's own
		after := files(t, left)
		delete(after, databaseName+"-shm")
		if !reflect.DeepEqual(after, before) || before[databaseName+"-wal"] == "" {
			t.Error("the files are others")
		}
	}()
	if r, err := w.image(20).Recall(t.Context(), policy.Question{Author: address(t, "a@hartmann.example")}); err != nil || r.Author.State != policy.Established {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, w *world, path, key string) error
		is     error
		says   string
	}{
		{"no directory", func(_ *testing.T, w *world, _, _ string) error { return os.RemoveAll(w.config.Dir) }, ErrNone, "the gateway makes one when it starts"},
		{"no database", func(_ *testing.T, _ *world, path, _ string) error { return os.Remove(path) }, ErrNone, "the gateway makes one when it starts"},
		{"an empty file", func(_ *testing.T, _ *world, path, _ string) error { return os.WriteFile(path, nil, 0o600) }, ErrNone, "is empty"},
		{"no key", func(_ *testing.T, _ *world, _, key string) error { return os.Remove(key) }, nil, "memory.key is missing: restore it"},
		{"another key", func(_ *testing.T, _ *world, _, key string) error {
			return os.WriteFile(key, bytes.Repeat([]byte{1}, digest.KeyOctets), 0o600)
		}, nil, "memory.key is not the key of"},
		{"a newer schema", pragma("99"), ErrNewerSchema, "run the newer mxgate"},
		{"an older schema", pragma("1"), ErrOlderSchema, "start the gateway with this program"},
		{"no SQLite", func(_ *testing.T, _ *world, path, _ string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), 8192), 0o600)
		}, ErrDamaged, "sets it aside"},
		{"torn", func(_ *testing.T, _ *world, path, _ string) error { return os.Truncate(path, 5000) }, ErrDamaged, "sets it aside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.establish(0, "a@hartmann.example")
			if err := w.Store.Close(); err != nil {
				t.Fatal(err)
			}
			dir := w.config.Dir
			if err := c.damage(t, w, filepath.Join(dir, databaseName), filepath.Join(dir, digest.KeyName)); err != nil {
				t.Fatal(err)
			}
			var before map[string]string
			if _, err := os.Stat(dir); err == nil {
				before = files(t, dir)
			}
			i, err := OpenImage(w.config, day(20))
			if i != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v, %v", i, err)
			}
			if _, err := os.Stat(dir); before == nil && !os.IsNotExist(err) || before != nil && !reflect.DeepEqual(files(t, dir), before) {
				t.Errorf("something was written, %v", err)
			}
		})
	}
}

// pragma sets the number of the schema.
func pragma(version string) func(*testing.T, *world, string, string) error {
	return func(_ *testing.T, _ *world, path, _ string) error {
		return alter("PRAGMA user_version = " + version)(path)
	}
}
