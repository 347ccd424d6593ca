package memory

import (
	"fmt"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// noon is the first day of the planted time.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func day(n int) time.Time { return noon.AddDate(0, 0, n) }

func address(t testing.TB, text string) mail.Address {
	t.Helper()
	a, err := mail.ParseMailbox(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// world is a memory of example.org, with its clock.
type world struct {
	testing.TB
	*Store
	config Config
	n      int
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	w := &world{TB: t, config: Config{Dir: t.TempDir(), Own: []mail.Domain{"example.org"}, OnError: func(err error) { t.Errorf("told: %v", err) }}}
	for _, f := range change {
		f(&w.config)
	}
	w.open()
	t.Cleanup(func() { _ = w.Store.Close() })
	return w
}

func (w *world) open() {
	w.Helper()
	s, err := Open(w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.Store = s
}

// again closes and opens the memory.
func (w *world) again() {
	w.Helper()
	if err := w.Store.Close(); err != nil {
		w.Fatal(err)
	}
	w.open()
}

func (w *world) flush() {
	w.Helper()
	if err := w.Flush(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// from is aligned mail from an address to erika@example.org on a day.
func (w *world) from(n int, author string, cited ...string) policy.Observation {
	w.n++
	a := address(w, author)
	return policy.Observation{
		At: day(n), ID: fmt.Sprintf("%d.%d@%s", n, w.n, a.Domain), Author: a, Recipients: []mail.Address{address(w, "erika@example.org")}, Cited: cited, Aligned: true,
	}
}

// learn learns and waits for it.
func (w *world) learn(all ...policy.Observation) {
	w.Helper()
	for _, o := range all {
		w.Learn(o)
	}
	w.flush()
}

// establish has a domain write on enough days from day n on.
func (w *world) establish(n int, author string) {
	w.Helper()
	w.learn(w.from(n, author), w.from(n+7, author), w.from(n+14, author))
	if s := w.state(n+14, author); s != policy.Established {
		w.Fatalf("%s is %q", author, s)
	}
}

func (w *world) ask(n int, author string, cited ...string) policy.Recollection {
	w.Helper()
	r, err := w.Recall(w.Context(), policy.Question{At: day(n), Author: address(w, author), Recipients: []mail.Address{address(w, "erika@example.org")}, Cited: cited})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) state(n int, author string) policy.State { return w.ask(n, author).Author.State }
