package memory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/calendar"
	"mxgate/policy"
)

// sweepTo sweeps each day, as the server does.
func (w *world) sweepTo(from, to int) {
	w.Helper()
	for n := from; n <= to; n++ {
		if err := w.Sweep(day(n)); err != nil {
			w.Fatal(err)
		}
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@partner.example")
	once := w.from(0, "b@once.example")
	old := w.from(0, "a@partner.example")
	w.learn(once, old)
	w.sweepTo(14, 170)
	reply := w.from(170, "a@partner.example", old.ID)
	w.learn(reply)
	w.sweepTo(171, 182)
	for range 2 {
		if w.ask(182, "b@once.example", once.ID).Thread.Number != 0 {
			t.Error("a thread is remembered after 182 days")
		}
		if th := w.ask(182, "a@partner.example", old.ID).Thread; th.Messages != 2 || !th.Wrote {
			t.Errorf("an id that was cited 12 days ago: %+v", th)
		}
		if k := w.ask(182, "b@once.example").Author; k.State != policy.Seen || k.ToUs != 1 {
			t.Errorf("after 182 days: %+v", k)
		}
		w.again()
	}
	w.sweepTo(183, 402)
	for range 2 {
		if k := w.ask(402, "b@once.example").Author; k.State != policy.Unseen || k.ToUs != 0 {
			t.Errorf("after 402 days: %+v", k)
		}
		if k := w.ask(402, "a@partner.example").Author; k.State != policy.Established || k.Messages != 5 || k.ToUs != 5 {
			t.Errorf("%+v", k)
		}
		w.again()
	}
	w.sweepTo(403, 580)
	w.again()
	if k := w.ask(580, "a@partner.example").Author; k.State != policy.Established || k.Messages != 5 || k.ToUs != 0 {
		t.Errorf("an established domain is silent for 410 days: %+v", k)
	}
	if segments, err := w.db.segmentOctets(); err != nil || segments != 0 {
		t.Errorf("%d octets of segments are left, %v", segments, err)
	}
}

func TestAClockThatJumpsAheadCostsNothing(t *testing.T) {
	w := newWorld(t)
	o := w.from(0, "a@partner.example")
	w.learn(o)
	w.sweepTo(0, 1)
	ahead := w.from(3000, "c@ahead.example")
	w.learn(ahead)
	w.sweepTo(3000, 3000)
	w.sweepTo(3000, 3000)
	w.sweepTo(2, 2)
	if w.ask(2, "a@partner.example", o.ID).Thread.Number == 0 {
		t.Error("forgotten when the clock jumped")
	}
	w.sweepTo(3, 190)
	w.flush()
	w.again()
	if w.ask(190, "c@ahead.example", ahead.ID).Thread.Number != 0 {
		t.Error("what was learned while the clock was ahead stays as long as that")
	}
	if k := w.ask(190, "c@ahead.example").Author; k.Last.After(day(191)) {
		t.Errorf("%+v", k)
	}
	w.learn(w.from(190, "a@partner.example"))
	w.sweepTo(600, 601) // the server was off for a year: the second day agrees
	if w.ask(601, "a@partner.example").Author.State != policy.Unseen {
		t.Error("remembered after more than 400 days")
	}
}

// A machine whose clock battery is empty begins in the year 2000.
func TestAClockThatJumpsBackCostsNothingAndMakesNobodyOlder(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	o := w.from(14, "a@hartmann.example")
	w.learn(o)
	w.sweepTo(0, 20)
	for n := range 5 {
		w.learn(w.from(n-9000, "x@hartrnann.example"))
		w.sweepTo(n-9000, n-9000)
	}
	w.again()
	w.sweepTo(21, 24)
	r := w.ask(24, "a@hartmann.example", o.ID)
	if r.Author.State != policy.Established || !r.Thread.Wrote || r.Author.ToUs != 4 || calendar.DayOf(r.Author.First) != calendar.DayOf(day(0)) {
		t.Errorf("%+v", r)
	}
	if k := w.ask(24, "x@hartrnann.example").Author; k.State != policy.Shadow || k.First.Before(day(19)) {
		t.Errorf("%+v", k)
	}
}

func TestAClockThatWasAheadForLongIsSetBackForGood(t *testing.T) {
	w := newWorld(t)
	w.sweepTo(0, 1)
	w.sweepTo(1000, 1002)
	ahead := w.from(1002, "c@ahead.example")
	w.learn(ahead)
	w.sweepTo(2, 8)
	if k := w.ask(8, "c@ahead.example").Author; !k.Last.After(day(900)) {
		t.Errorf("believed too soon: %+v", k)
	}
	w.sweepTo(9, 10)
	if k := w.ask(10, "c@ahead.example").Author; k.Last.After(day(11)) || k.State != policy.Seen {
		t.Errorf("%+v", k)
	}
}

func TestACompactionKeepsAllThatIsRemembered(t *testing.T) {
	w := newWorld(t)
	f := newTraffic(3000)
	var all []policy.Observation
	for range 3000 {
		o := f.next()
		all = append(all, o)
		w.Learn(o)
		if len(all)%500 == 0 {
			w.flush()
		}
	}
	w.flush()
	answers := func() (got []string) {
		for _, o := range all {
			r, err := w.Recall(t.Context(), policy.Question{At: o.At, Author: o.Author, Name: o.Name, Recipients: o.Recipients, Cited: append(o.Cited, o.ID)})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%+v", r))
		}
		return got
	}
	want := answers()
	before, err := w.db.segmentOctets()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), func() error { w.desk.wanted = true; return nil }); err != nil {
		t.Fatal(err)
	}
	w.flush()
	after, err := w.db.segmentOctets()
	if err != nil || after >= before {
		t.Errorf("%d octets, before %d, %v", after, before, err)
	}
	for range 2 {
		if !slices.Equal(answers(), want) {
			t.Error("the answers are others")
		}
		w.again()
	}
}

// A crash between the turns leaves old and new segments side by side.
func TestACompactionThatIsCutShortLosesNothing(t *testing.T) {
	w := newWorld(t)
	f := newTraffic(20_000)
	for n := range 20_000 {
		if w.Learn(f.next()); n%1000 == 999 {
			w.flush()
		}
	}
	before, err := w.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), func() error {
		w.desk.wanted = true
		err := w.desk.tidy()
		if w.desk.steps < 3 || !w.desk.running {
			t.Errorf("%d turns: nothing is cut short", w.desk.steps)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.again()
	after, err := w.Stats(t.Context())
	if err != nil || after.IDs != before.IDs || after.Threads != before.Threads || after.Edges != before.Edges || after.Names != before.Names {
		t.Errorf("%+v, before %+v, %v", after, before, err)
	}
}

func TestWhenTheQueueIsFullMailIsNotDelayedAndTheLossIsCounted(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Queue = 10 })
	hold := make(chan struct{})
	held := make(chan error, 1)
	go func() { held <- w.do(t.Context(), func() error { <-hold; return nil }) }()
	for len(w.queue) < 10 {
		w.Learn(w.from(0, "a@partner.example"))
	}
	for range 5 {
		w.Learn(w.from(0, "a@partner.example"))
	}
	close(hold)
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	w.flush()
	st, err := w.Stats(t.Context())
	if err != nil || st.Dropped < 5 || st.Learned < 10 || st.Learned+st.Dropped != uint64(w.n) {
		t.Errorf("%+v, %v; %d messages", st, err, w.n)
	}
}

// faulty is a database whose commits fail.
type faulty struct {
	database
	err error
}

func (f *faulty) commit(b batch) error {
	if f.err != nil {
		return f.err
	}
	return f.database.commit(b)
}

func TestADiskThatIsFullCostsNoAnswer(t *testing.T) {
	var told []error
	w := newWorld(t, func(c *Config) { c.OnError = func(err error) { told = append(told, err) } })
	w.learn(w.from(0, "a@partner.example"))
	full := func(pages int) {
		t.Helper()
		if _, err := w.db.(*lite).learn.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	full(1) // no more than there are
	for i := range 2000 {
		w.Learn(w.from(i/100, "a@"+domainName(i)))
	}
	if err := w.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("Flush: %v", err)
	}
	if err := w.Sweep(day(20)); err == nil {
		t.Error("Sweep says nothing")
	}
	soon(t, "in RAM", func() bool { return w.state(20, "a@"+domainName(1999)) == policy.Seen })
	full(1 << 30)
	w.flush()
	for range 2 {
		if st, err := w.Stats(t.Context()); err != nil || st.IDs != 2001 || st.Domains["seen"] != 2001 || st.CommitError != "" {
			t.Errorf("%+v, %v", st, err)
		}
		w.again()
	}
}

func TestACommitThatFailsIsToldOnceAndTriedAgain(t *testing.T) {
	var told int
	w := newWorld(t, func(c *Config) { c.OnError = func(error) { told++ } })
	f := &faulty{w.db, errors.New("disk full")}
	w.db = f
	for range 3 {
		w.Learn(w.from(0, "a@partner.example"))
		if err := w.Flush(t.Context()); err == nil {
			t.Error("Flush says nothing")
		}
	}
	if s := w.state(0, "a@partner.example"); s != policy.Seen {
		t.Errorf("not in RAM: %q", s)
	}
	if err := w.do(t.Context(), func() error {
		for range 3 {
			w.report(w.desk.commit())
		}
		return nil
	}); err != nil || told != 1 {
		t.Errorf("told %d times, %v", told, err)
	}
	f.err = nil
	w.flush()
	w.again()
	if k := w.ask(0, "a@partner.example").Author; k.Messages != 3 {
		t.Errorf("%+v", k)
	}
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Close(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	w.Learn(w.from(0, "a@partner.example"))
	if _, err := w.Recall(t.Context(), policy.Question{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := w.Flush(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	w.open()
}
