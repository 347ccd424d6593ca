package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/disk"
	"mxgate/gateway/disk/disktest"
)

// wantKept fails unless the total is the sum of the rows.
func wantKept(t *testing.T, s *Store, want int) {
	t.Helper()
	st, err := s.Stats(t.Context())
	var sum int64
	if err := s.read.QueryRow("SELECT coalesce(sum(size), 0) FROM quarantine WHERE state != 'deleted'").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if err != nil || st.KeptOctets != int64(want) || sum != int64(want) {
		t.Errorf("%+v, %v; the sum is %d, want %d", st, err, sum, want)
	}
}

// sized is a message whose size is known before.
func sized(id, content string) Held {
	h := heldMessage(id)
	h.Size = int64(len(content))
	return h
}

func TestAFullQuarantineTakesNothingMore(t *testing.T) {
	s, d := openFaulty(t, nil)
	other := openStore(t, s.dir) // another process
	size := len(content)
	s.room.maxOctets = int64(2*size + 1)
	put := func(id string) error {
		return s.Quarantine(t.Context(), sized(id, content), strings.NewReader(content))
	}
	wantFull := func(when, id string) {
		t.Helper()
		d.set("", nil)
		if err := put(id); !errors.Is(err, ErrFull) || errors.Is(err, ErrNotWritable) {
			t.Errorf("%s: %v", when, err)
		}
		if steps := d.set("", nil); len(steps) > 0 {
			t.Errorf("%s: it did %q", when, steps)
		}
	}
	for _, id := range []string{"A", "B"} {
		if err := put(id); err != nil {
			t.Fatal(err)
		}
	}
	wantKept(t, s, 2*size)
	wantFull("two held", "C")
	if err := other.Release(t.Context(), "A", "erika", deliverOK); err != nil {
		t.Fatal(err)
	}
	wantFull("one of them released: its content is still there", "C")
	if err := other.Delete(t.Context(), "A", "erika"); err != nil {
		t.Fatal(err)
	}
	wantKept(t, s, size)
	if err := put("C"); err != nil {
		t.Errorf("after another process deleted one: %v", err)
	}
	wantFull("two again", "D")
	if _, err := s.Expire(t.Context(), time.Time{}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantKept(t, s, 0)
	if _, err := s.Expire(t.Context(), time.Now().Add(time.Hour), time.Time{}); err != nil { // the rows, too
		t.Fatal(err)
	}
	wantKept(t, s, 0)
	d.set("rename", syscall.EIO)
	for range 5 { // what failed holds no room
		if err := put("E"); !errors.Is(err, ErrNotWritable) {
			t.Error(err)
		}
	}
	d.set("", nil)
	if err := put("E"); err != nil {
		t.Errorf("after Expire: %v", err)
	}
	if err := s.Trouble(); err != nil {
		t.Errorf("other mail passes, but Trouble says: %v", err)
	}
}

func TestAMessageOfUnknownSizeNeedsAQuarantineThatIsNotFull(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.room.maxOctets = int64(len(content))
	quarantine(t, s, "A", content)
	if err := s.Quarantine(t.Context(), heldMessage("B"), strings.NewReader(content)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}

func TestManyAtOnceDoNotPassTheLimit(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.room.maxOctets = int64(5 * len(content))
	var taken, full atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			err := s.Quarantine(t.Context(), sized(id, content), strings.NewReader(content))
			switch {
			case err == nil:
				taken.Add(1)
			case errors.Is(err, ErrFull):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if taken.Load() > 5 || taken.Load()+full.Load() != 40 {
		t.Errorf("%d taken, %d refused", taken.Load(), full.Load())
	}
	for i := taken.Load(); i < 5; i++ { // what refused each other left no promise behind
		quarantine(t, s, fmt.Sprint("late-", i), content)
	}
	wantKept(t, s, 5*len(content))
}

func TestTheQuarantineLeavesRoomForOtherMail(t *testing.T) {
	s, d := openFaulty(t, nil)
	free, failed := uint64(1000), error(nil)
	s.room.minFree = 900
	s.room.free = func(dir string) (uint64, error) {
		if dir != s.dir {
			t.Errorf("asked for %s", dir)
		}
		return free, failed
	}
	d.set("", nil)
	h := heldMessage("A")
	h.Size = 101
	if err := s.Quarantine(t.Context(), h, strings.NewReader(strings.Repeat("x", 101))); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "900") {
		t.Error(err)
	}
	if steps := d.set("", nil); len(steps) > 0 {
		t.Errorf("it did %q", steps)
	}
	if err := s.Trouble(); err != nil { // there is room for smaller ones
		t.Error(err)
	}
	h.Size = 100
	if err := s.Quarantine(t.Context(), h, strings.NewReader(strings.Repeat("x", 100))); err != nil {
		t.Error(err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.FreeOctets != 1000 || st.MinFreeOctets != 900 {
		t.Errorf("%+v, %v", st, err)
	}
	free = 899
	if err := s.Trouble(); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "899") {
		t.Errorf("Trouble: %v", err)
	}
	s.Journal(Entry{ID: "J", At: noon}) // what the room is for
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "A", "erika"); err != nil {
		t.Error(err)
	}
	failed = syscall.EIO // what cannot be asked is tried, and told
	quarantine(t, s, "B", content)
	if err := s.Trouble(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Trouble: %v", err)
	}
	free, failed = math.MaxUint64, nil // a system that does not tell
	quarantine(t, s, "C", content)
	if err := s.Trouble(); err != nil {
		t.Error(err)
	}
}

func TestHowMuchIsLeftFreeUnlessConfigured(t *testing.T) {
	dir := t.TempDir()
	total, err := disk.Total(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ configured, want int64 }{
		{0, min(256<<20, int64(total/20))},
		{12345, 12345},
		{-1, 0},
	} {
		if r := (Config{MinFreeOctets: tt.configured, MaxOctets: 7}).newRoom(dir); r.minFree != tt.want || r.maxOctets != 7 {
			t.Errorf("%d: %d, %d", tt.configured, r.minFree, r.maxOctets)
		}
	}
	small := disktest.Mount(t, "size=6m") // skips where that cannot be
	if r := (Config{}).newRoom(small); r.minFree != (6<<20)/20 {
		t.Errorf("on 6 MiB %d are left free", r.minFree)
	}
}

// A database from before the total was kept.
func TestTheTotalIsCountedWhenTheSchemaIsRaised(t *testing.T) {
	dir := t.TempDir()
	old := olderDatabase(t, dir, 1)
	for id, state := range map[string]State{"A": StateHeld, "B": StateDeleted, "C": StateReleased} {
		if _, err := old.Exec(`INSERT INTO quarantine (id, received_at, client, helo, source, envelope, size, sha256, reason, sentence, message_id, author, subject, evidence, next_hop, trace, state, changed_at, changed_by)
			VALUES (?, 0, '', '', '', '{}', ?, '', '', '', '', '', '', '', '', '', ?, 0, '')`, id, len(content), string(state)); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	wantKept(t, s, 2*len(content))
	quarantine(t, s, "D", content)
	wantKept(t, s, 3*len(content))
}

func TestTroubleSaysSinceWhenTheJournalFails(t *testing.T) {
	s, d := openFaulty(t, func(error) {})
	var now atomic.Int64
	now.Store(noon.Unix())
	s.now = func() time.Time { return time.Unix(now.Load(), 0) }
	if err := s.Trouble(); err != nil {
		t.Fatal(err)
	}
	d.set("commit", syscall.EIO)
	s.Journal(Entry{ID: "J", At: noon})
	for range 2 {
		if err := s.Flush(t.Context()); err == nil {
			t.Fatal("committed")
		}
		now.Add(3600)
	}
	if err := s.Trouble(); !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), "since 2026-03-01T12:00:00Z") {
		t.Errorf("%v", err)
	}
	d.set("", nil)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Trouble(); err != nil {
		t.Error(err)
	}
}

func TestTroubleSaysThatTheJournalCannotKeepUp(t *testing.T) {
	s := openStore(t, t.TempDir())
	release := holdWriter(t, s)
	for i := range entryBacklog/2 + 1 {
		s.Journal(Entry{ID: fmt.Sprint(i), At: noon})
	}
	if err := s.Trouble(); err != nil {
		t.Errorf("a burst is no trouble: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if s.CatchUp(ctx) {
		t.Error("caught up with a writer that stands still")
	}
	if err := s.Trouble(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(entryBacklog/2+1, " entries wait")) {
		t.Error(err)
	}
	release()
	if !s.CatchUp(t.Context()) {
		t.Error("not caught up")
	}
	if err := s.Trouble(); err != nil {
		t.Error(err)
	}
}

func TestRoomCannotBeAskedOfADirectoryThatIsNone(t *testing.T) {
	if _, err := disk.Free(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestRoomIsWhatAMessageOfTheUsualSizeNeeds(t *testing.T) {
	s := openStore(t, t.TempDir())
	free := uint64(900 + usualOctets)
	s.room.minFree = 900
	s.room.free = func(string) (uint64, error) { return free, nil }
	if err := s.Room(t.Context()); err != nil {
		t.Error(err)
	}
	free--
	if err := s.Room(t.Context()); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	s.room.free = func(string) (uint64, error) { return 0, syscall.EIO }
	if err := s.Room(t.Context()); err != nil {
		t.Errorf("not known is no lack: %v", err)
	}
	s.room.maxOctets = usualOctets
	quarantine(t, s, "A", content)
	if err := s.Room(t.Context()); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "the quarantine has") {
		t.Errorf("%v", err)
	}
}

func TestAJournalThatStaysUnwrittenIsToldOnceAMinuteAndItsEndOnce(t *testing.T) {
	told := 0
	s, d := openFaulty(t, func(error) { told++ })
	var now atomic.Int64
	now.Store(noon.Unix())
	s.now = func() time.Time { return time.Unix(now.Load(), 0) }
	var mended []time.Time
	s.onMended = func(since time.Time) { mended = append(mended, since) }
	for round := range 2 {
		d.set("commit", syscall.ENOSPC)
		s.Journal(Entry{ID: fmt.Sprint("J", round), At: noon})
		for i, want := range []int{1, 1, 1, 2, 2} {
			if err := s.Flush(t.Context()); err == nil {
				t.Fatal("committed")
			}
			if told != want+2*round {
				t.Errorf("try %d: told %d times", i, told-2*round)
			}
			now.Add(20)
		}
		d.set("", nil)
		if len(mended) != round {
			t.Errorf("mended too early: %v", mended)
		}
		for range 2 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(mended) != round+1 || mended[round].Unix() != noon.Unix()+int64(round)*100 {
			t.Errorf("mended %v", mended)
		}
	}
}
