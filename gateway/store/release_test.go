package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mxgate/policy/mail"
)

var errNextHop = errors.New("451 4.4.1 next hop unreachable")

// delivers is a Deliver to one next hop that takes all.
func delivers(before func(context.Context, Held, *os.File) error) Deliver {
	return func(ctx context.Context, h Held, content *os.File, note func(Delivered) error) error {
		if err := before(ctx, h, content); err != nil {
			return err
		}
		return note(all(h))
	}
}

func all(h Held) Delivered {
	d := Delivered{NextHop: "mail.example.com:25"}
	for i := range h.Envelope.ForwardPaths {
		d.Settled = append(d.Settled, i)
	}
	return d
}

var deliverOK = delivers(func(context.Context, Held, *os.File) error { return nil })

// story is the history of a message as "who what, who what".
func story(t *testing.T, s *Store, id string) string {
	t.Helper()
	changes, err := s.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, c := range changes {
		if c.At.IsZero() {
			t.Errorf("%+v has no time", c)
		}
		parts = append(parts, c.Who+" "+c.What)
	}
	return strings.Join(parts, ", ")
}

func TestReleaseDeliversTheOriginalOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "A", content)
	err := s.Release(t.Context(), "A", "erika", delivers(func(_ context.Context, h Held, f *os.File) error {
		got, err := io.ReadAll(f)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
		if h.ID != "A" || h.NextHop != "mail.example.com:25" || len(h.Envelope.ForwardPaths) != 1 {
			t.Errorf("%+v", h)
		}
		if err := s.Delete(t.Context(), "A", "admin"); !errors.Is(err, ErrState) {
			t.Errorf("Delete while it is being delivered: %v", err)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), "A", "otto", deliverOK); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), `released since`) {
		t.Errorf("a second time: %v", err)
	}
	if h, err := s.Get(t.Context(), "A"); err != nil || h.State != StateReleased || h.ChangedBy != "erika" {
		t.Errorf("%+v, %v", h, err)
	}
	if readContent(t, s, "A") != content {
		t.Error("the content must stay until Delete")
	}
	if got := story(t, s, "A"); got != "mxgate quarantined, erika release started, erika released" {
		t.Error(got)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Held != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestAFailedDeliveryLeavesTheMessageHeld(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "A", content)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Release(ctx, "A", "erika", delivers(func(context.Context, Held, *os.File) error {
		cancel() // the person has left: the claim is given back all the same
		return errNextHop
	}))
	if !errors.Is(err, errNextHop) {
		t.Errorf("%v", err)
	}
	if err := s.Release(t.Context(), "A", "otto", deliverOK); err != nil {
		t.Error(err)
	}
	if got := story(t, s, "A"); got != "mxgate quarantined, erika release started, erika release failed, otto release started, otto released" {
		t.Error(got)
	}
}

func TestReleaseAndDeleteRefuse(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "held", content)
	quarantine(t, s, "deleted", content)
	if err := s.Delete(t.Context(), "deleted", "admin"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id, by string
		want   error
	}{{"none", "erika", ErrNotFound}, {"../x", "erika", ErrNotFound}, {"deleted", "erika", ErrState}} {
		if err := s.Release(t.Context(), tt.id, tt.by, deliverOK); !errors.Is(err, tt.want) {
			t.Errorf("Release %s: %v", tt.id, err)
		}
		if err := s.Delete(t.Context(), tt.id, tt.by); !errors.Is(err, tt.want) {
			t.Errorf("Delete %s: %v", tt.id, err)
		}
		if _, err := s.Content(tt.id); !errors.Is(err, tt.want) {
			t.Errorf("Content %s: %v", tt.id, err)
		}
	}
	if s.Release(t.Context(), "held", "", deliverOK) == nil || s.Delete(t.Context(), "held", "") == nil {
		t.Error("a change by nobody")
	}
	if got := story(t, s, "deleted"); got != "mxgate quarantined, admin deleted" {
		t.Error(got)
	}
	if files := filesOf(t, s.dir); len(files) != 1 {
		t.Errorf("%q", files)
	}
}

func TestOnlyOneOfManyReleasesDelivers(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openStore(t, dir), openStore(t, dir)} // as two processes
	quarantine(t, stores[0], "A", content)
	var delivered, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			err := stores[i%2].Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error {
				delivered.Add(1)
				return nil
			}))
			if errors.Is(err, ErrState) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if delivered.Load() != 1 || refused.Load() != 15 {
		t.Errorf("%d delivered, %d refused", delivered.Load(), refused.Load())
	}
}

func TestTheClaimOfADeadProcessCanBeTakenOver(t *testing.T) {
	dir := t.TempDir()
	slow, other := openStore(t, dir), openStore(t, dir)
	quarantine(t, slow, "A", content)
	later := time.Now()
	other.now = func() time.Time { return later }
	err := slow.Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error {
		later = time.Now().Add(claimTime - time.Minute)
		if err := other.Release(t.Context(), "A", "otto", deliverOK); !errors.Is(err, ErrState) {
			t.Errorf("too early: %v", err)
		}
		later = time.Now().Add(claimTime + time.Minute)
		if err := other.Release(t.Context(), "A", "otto", deliverOK); err != nil {
			t.Errorf("taking over: %v", err)
		}
		return nil
	}))
	// It was not dead, only slow: it must learn that its delivery was the second.
	if !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrState) {
		t.Errorf("%v", err)
	}
	if h, err := slow.Get(t.Context(), "A"); err != nil || h.State != StateReleased || h.ChangedBy != "otto" {
		t.Errorf("%+v, %v", h, err)
	}
	// Somebody may have it twice: that stands there.
	if got := story(t, slow, "A"); got != "mxgate quarantined, erika release started, mxgate release abandoned, otto release started, otto released" {
		t.Error(got)
	}
	changes, err := slow.History(t.Context(), "A")
	if err != nil || !changes[2].MaybeDelivered() || changes[1].MaybeDelivered() {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestADeliveryThatCannotBeRecordedIsUncertain(t *testing.T) {
	s, d := openFaulty(t, nil)
	quarantine(t, s, "A", content)
	err := s.Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error {
		d.set("commit", syscall.EIO)
		return nil
	}))
	if !errors.Is(err, ErrUncertain) {
		t.Errorf("%v", err)
	}
	if st := state(t, s, "A"); st != StateReleasing { // neither held nor released: nobody knows
		t.Errorf("state %s", st)
	}
}

func TestDeleteSurvivesACrashBeforeItsFileIsRemoved(t *testing.T) {
	s, d := openFaulty(t, nil)
	quarantine(t, s, "A", content)
	d.set("sync blobs", syscall.EIO)
	if err := s.Delete(t.Context(), "A", "admin"); !errors.Is(err, ErrNotWritable) {
		t.Errorf("%v", err)
	}
	if st := state(t, s, "A"); st != StateDeleted {
		t.Errorf("state %s", st)
	}
	if err := s.Delete(t.Context(), "A", "admin"); !errors.Is(err, ErrState) {
		t.Errorf("again: %v", err)
	}
}

// A claim belongs to a release until another takes it over; nobody may delete
// what may be on its way.
func TestAClaimedReleaseIsNotDeleted(t *testing.T) {
	for _, age := range []time.Duration{0, claimTime - time.Minute, claimTime + time.Minute, abandonTime - time.Minute} {
		t.Run(fmt.Sprint(age), func(t *testing.T) {
			dir := t.TempDir()
			s, other := openStore(t, dir), openStore(t, dir)
			quarantine(t, s, "A", content)
			other.now = func() time.Time { return time.Now().Add(age) }
			err := s.Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error {
				if err := other.Delete(t.Context(), "A", "otto"); !errors.Is(err, ErrState) {
					t.Errorf("Delete: %v", err)
				}
				if e, err := other.Expire(t.Context(), time.Time{}, time.Now()); err != nil || e.Contents != 0 {
					t.Errorf("Expire: %+v, %v", e, err)
				}
				return errNextHop
			}))
			if !errors.Is(err, errNextHop) || errors.Is(err, ErrState) {
				t.Error(err)
			}
			if err := other.Delete(t.Context(), "A", "otto"); err != nil {
				t.Errorf("settled, it can be deleted: %v", err)
			}
		})
	}
}

func TestTheReleaseOfADeadProcessIsAbandoned(t *testing.T) {
	dir := t.TempDir()
	s, other := openStore(t, dir), openStore(t, dir)
	quarantine(t, s, "A", content)
	other.now = func() time.Time { return time.Now().Add(abandonTime + time.Minute) }
	err := s.Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error {
		if _, err := other.Expire(t.Context(), time.Time{}, time.Time{}); err != nil {
			t.Error(err)
		}
		if st := state(t, s, "A"); st != StateHeld {
			t.Errorf("state %s", st)
		}
		return other.Delete(t.Context(), "A", "otto")
	}))
	if !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrState) { // it was only very slow
		t.Error(err)
	}
	if got := story(t, s, "A"); got != "mxgate quarantined, erika release started, mxgate release abandoned, otto deleted" {
		t.Error(got)
	}
}

func TestADeliveryEndsBeforeItsClaim(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "A", content)
	start := time.Now()
	err := s.Release(t.Context(), "A", "erika", delivers(func(ctx context.Context, h Held, _ *os.File) error {
		end, ok := ctx.Deadline()
		if !ok || end.After(h.ChangedAt.Add(claimTime-time.Minute)) || end.Before(start.Add(claimTime-2*time.Minute)) {
			t.Errorf("it ends at %v, %v; claimed at %v", end, ok, h.ChangedAt)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}

func TestTheHistoryNamesWhoWasRefused(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "A", content)
	err := s.Release(t.Context(), "A", "erika", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		return note(Delivered{NextHop: "mail.example.net:25", Settled: all(h).Settled, Refused: []string{"<b@example.com>: 550 5.1.1 gone", "<c@example.com>: 550 5.1.1 gone"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := s.History(t.Context(), "A")
	var details []string
	for _, c := range changes[2:] {
		details = append(details, c.Who+": "+c.What+": "+c.Detail)
	}
	want := []string{"erika: recipient refused: <b@example.com>: 550 5.1.1 gone", "erika: recipient refused: <c@example.com>: 550 5.1.1 gone", "erika: released: mail.example.net:25"}
	if err != nil || !slices.Equal(details, want) {
		t.Errorf("%q, %v", details, err)
	}
}

// threeTo is a held message to three recipients.
func threeTo(t *testing.T, s *Store) {
	t.Helper()
	h := heldMessage("A")
	h.Envelope.ForwardPaths = nil
	for _, local := range []string{"bob", "carol", "dora"} {
		h.Envelope.AddRecipient(mail.Address{Local: local, Domain: "example.com"}, mail.RecipientDSN{})
	}
	if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// Who has a message from one next hop does not get it again because another one was
// down, whatever ends the process in between.
func TestAReleaseInPartIsGoneOnWith(t *testing.T) {
	s := openStore(t, t.TempDir())
	threeTo(t, s)
	err := s.Release(t.Context(), "A", "erika", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		return errors.Join(note(Delivered{NextHop: "mail.example.com:25", Settled: []int{1}}), errNextHop)
	})
	if !errors.Is(err, errNextHop) || state(t, s, "A") != StateHeld {
		t.Errorf("%s: %v", state(t, s, "A"), err)
	}
	err = s.Release(t.Context(), "A", "erika", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		if !slices.Equal(h.Settled, []int{1}) {
			t.Errorf("%v", h.Settled)
		}
		return note(Delivered{NextHop: "other.example.com:25", Settled: []int{2}, Refused: []string{"<dora@example.com>: 550 gone"}})
	})
	if err == nil || !strings.Contains(err.Error(), "bob@example.com") || state(t, s, "A") != StateHeld {
		t.Errorf("a delivery that leaves one out: %s: %v", state(t, s, "A"), err)
	}
	err = s.Release(t.Context(), "A", "otto", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		if !slices.Equal(h.Settled, []int{1, 2}) {
			t.Errorf("%v", h.Settled)
		}
		return note(Delivered{NextHop: "mail.example.com:25", Settled: []int{0}})
	})
	if err != nil || state(t, s, "A") != StateReleased {
		t.Errorf("%s: %v", state(t, s, "A"), err)
	}
	if got := story(t, s, "A"); got != "mxgate quarantined, erika release started, erika released in part, erika release failed, erika release started, erika recipient refused, erika release failed, otto release started, otto released" {
		t.Error(got)
	}
	changes, err := s.History(t.Context(), "A")
	if err != nil || changes[2].Detail != "mail.example.com:25: <carol@example.com>" {
		t.Errorf("%+v, %v", changes, err)
	}
}

// A process that dies behind its first next hop leaves what it has done.
func TestAReleaseInPartOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	s, other := openStore(t, dir), openStore(t, dir)
	threeTo(t, s)
	err := s.Release(t.Context(), "A", "erika", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
		if err := note(Delivered{NextHop: "mail", Settled: []int{0, 2}}); err != nil {
			return err
		}
		if h, err := other.Get(t.Context(), "A"); err != nil || h.State != StateReleasing || !slices.Equal(h.Settled, []int{0, 2}) {
			t.Errorf("%+v, %v", h, err)
		}
		later := time.Now().Add(claimTime + time.Minute)
		other.now = func() time.Time { return later }
		return other.Release(t.Context(), "A", "otto", func(_ context.Context, h Held, _ *os.File, note func(Delivered) error) error {
			if !slices.Equal(h.Settled, []int{0, 2}) {
				t.Errorf("%v", h.Settled)
			}
			return note(Delivered{NextHop: "mail", Settled: []int{1}})
		})
	})
	if !errors.Is(err, ErrState) || state(t, s, "A") != StateReleased {
		t.Errorf("%s: %v", state(t, s, "A"), err)
	}
}

// The clock was ahead when the process died, and was set right.
func TestAClaimFromTheFutureIsOfADeadProcess(t *testing.T) {
	for name, end := range map[string]func(*Store) error{
		"released": func(s *Store) error { return s.Release(t.Context(), "A", "otto", deliverOK) },
		"expired": func(s *Store) error {
			_, err := s.Expire(t.Context(), time.Time{}, time.Time{})
			return err
		},
	} {
		dir := t.TempDir()
		s, other := openStore(t, dir), openStore(t, dir)
		quarantine(t, s, "A", content)
		s.now = func() time.Time { return time.Now().AddDate(1, 0, 0) }
		err := s.Release(t.Context(), "A", "erika", delivers(func(context.Context, Held, *os.File) error { return end(other) }))
		if !errors.Is(err, ErrUncertain) || state(t, other, "A") == StateReleasing || !strings.Contains(story(t, other, "A"), "mxgate release abandoned") {
			t.Errorf("%s: %s, %s: %v", name, state(t, other, "A"), story(t, other, "A"), err)
		}
	}
}
