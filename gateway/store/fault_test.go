package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/store/blob"
)

// faultyDisk is the real file system until fail is set, and notes what it does.
type faultyDisk struct {
	mu    sync.Mutex
	fail  string // the step that fails
	err   error
	steps []string
}

func (d *faultyDisk) step(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps = append(d.steps, name)
	if name == d.fail {
		return d.err
	}
	return nil
}

func (d *faultyDisk) Create(path string) (blob.File, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) Rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d *faultyDisk) SyncDir(path string) error {
	if strings.HasSuffix(path, "/tmp") {
		return d.step("sync tmp")
	}
	return d.step("sync blobs")
}

type faultyFile struct {
	*os.File
	disk *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.disk.step("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// ReadFrom would pass Write by.
func (f *faultyFile) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{f}, r)
}

func (f *faultyFile) Sync() error {
	if err := f.disk.step("fsync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	if err := f.disk.step("close"); err != nil {
		f.File.Close()
		return err
	}
	return f.File.Close()
}

// openFaulty opens a store whose disk and commit fail on demand. After the test
// nothing fails any more.
func openFaulty(t *testing.T, onError func(error)) (*Store, *faultyDisk) {
	t.Helper()
	d := &faultyDisk{}
	s, err := Config{Dir: t.TempDir(), OnError: onError}.open(d, func(tx *sql.Tx) error {
		if err := d.step("commit"); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.set("", nil)
		s.Close()
	})
	return s, d
}

// set chooses what fails next and returns the steps since the last time.
func (d *faultyDisk) set(fail string, err error) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	steps := d.steps
	d.fail, d.err, d.steps = fail, err, nil
	return steps
}

func TestContentIsDurableBeforeItsRow(t *testing.T) {
	s, d := openFaulty(t, nil)
	d.set("", nil)
	quarantine(t, s, "A", content)
	want := []string{"create", "write", "fsync", "close", "rename", "sync blobs", "sync tmp", "commit"}
	if !reflect.DeepEqual(d.steps, want) {
		t.Errorf("%q", d.steps)
	}
}

func TestAFaultAtAnyStepKeepsNothing(t *testing.T) {
	s, d := openFaulty(t, nil)
	s.now = func() time.Time { return time.Now().Add(time.Hour) } // so that Sweep finds all old
	for _, step := range []string{"create", "write", "fsync", "close", "rename", "sync blobs", "sync tmp", "commit"} {
		for cause, want := range map[error]error{syscall.ENOSPC: ErrFull, syscall.EDQUOT: ErrFull, syscall.EIO: ErrNotWritable, syscall.EROFS: ErrNotWritable} {
			t.Run(fmt.Sprint(step, " ", cause), func(t *testing.T) {
				id := strings.ReplaceAll(fmt.Sprintf("%s-%d", step, cause), " ", "-")
				d.set(step, cause)
				err := s.Quarantine(t.Context(), heldMessage(id), strings.NewReader(content))
				steps := d.set("", nil)
				if !errors.Is(err, want) || errors.Is(err, ErrFull) != (want == ErrFull) {
					t.Errorf("%v", err)
				}
				if !slices.Contains(steps, step) || step != "commit" && slices.Contains(steps, "commit") {
					t.Errorf("steps %q", steps)
				}
				if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
					t.Errorf("row: %v", err)
				}
				unsettled := step == "commit" && want == ErrNotWritable
				if files := filesOf(t, s.dir); slices.Contains(files, id+".eml") != unsettled {
					t.Errorf("files %q before Sweep", files)
				}
				if swept, err := s.Sweep(t.Context()); err != nil || len(swept.Aside) > 0 != unsettled {
					t.Errorf("%+v, %v", swept, err)
				}
				if files := filesOf(t, s.dir); slices.Contains(files, id+".eml") {
					t.Errorf("files %q after Sweep", files)
				}
				quarantine(t, s, id, content) // the client's next try
				if readContent(t, s, id) != content {
					t.Error("content differs")
				}
			})
		}
	}
}

func TestSweepLeavesWhatIsWantedOrYoung(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "held", content)
	quarantine(t, s, "released", content)
	quarantine(t, s, "deleted", content)
	if err := s.Release(t.Context(), "released", "admin", delivers(func(context.Context, Held, *os.File) error { return nil })); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "deleted", "admin"); err != nil {
		t.Fatal(err)
	}
	// A crash after the commit of Delete, one before that of Quarantine, one in the
	// middle of writing, and a file that is none of ours.
	write := func(path string, age time.Duration) {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"held", "released"} {
		if err := os.Chtimes(s.blobs.Path(id), time.Time{}, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	write(s.blobs.Path("deleted"), time.Hour)
	write(s.blobs.Path("orphan"), time.Hour)
	write(s.blobs.Path("young"), time.Minute)
	write(s.dir+"/tmp/half.eml", 0)
	write(s.dir+"/tmp/NOTES.txt", time.Hour)
	swept, err := s.Sweep(t.Context())
	if err != nil || len(swept.Aside) != 2 || !slices.Equal(swept.Removed, []string{"tmp/half.eml"}) || swept.Young != 1 || !swept.New || swept.Missing != 0 {
		t.Errorf("%+v, %v", swept, err)
	}
	files := filesOf(t, s.dir)
	slices.Sort(files)
	if want := []string{"NOTES.txt", "held.eml", "released.eml", "young.eml"}; !reflect.DeepEqual(files, want) {
		t.Errorf("left %q", files)
	}
}

func TestSweepLeavesContentThatIsBeingWritten(t *testing.T) {
	s := openStore(t, t.TempDir())
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.Quarantine(t.Context(), heldMessage("A"), r) }()
	if _, err := w.Write([]byte("begin ")); err != nil { // returns when it was read
		t.Fatal(err)
	}
	if swept, err := s.Sweep(t.Context()); err != nil || len(swept.Removed)+len(swept.Aside) != 0 {
		t.Errorf("%+v, %v", swept, err)
	}
	if err := s.Quarantine(t.Context(), heldMessage("A"), strings.NewReader("other")); !errors.Is(err, ErrExists) {
		t.Errorf("a second writer: %v", err)
	}
	io.WriteString(w, "end")
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := readContent(t, s, "A"); got != "begin end" {
		t.Errorf("%q", got)
	}
}

func TestDamagedContentIsNeverDelivered(t *testing.T) {
	tests := map[string]func(path string) error{
		"a changed byte": func(p string) error {
			return os.WriteFile(p, []byte(strings.Replace(content, "Hello", "Hallo", 1)), 0o600)
		},
		"cut short": func(p string) error { return os.Truncate(p, 10) },
		"empty":     func(p string) error { return os.Truncate(p, 0) },
		"missing":   os.Remove,
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			quarantine(t, s, "A", content)
			if err := damage(s.blobs.Path("A")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Content("A"); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "A.eml") {
				t.Errorf("Content: %v", err)
			}
			err := s.Release(t.Context(), "A", "admin", delivers(func(context.Context, Held, *os.File) error {
				t.Error("delivered")
				return nil
			}))
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("Release: %v", err)
			}
			if st := state(t, s, "A"); st != StateHeld {
				t.Errorf("state %s", st)
			}
			if err := s.Delete(t.Context(), "A", "admin"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A failing commit of the journal is told, kept and tried again; a quarantine
// that shares it does not suffer.
func TestAFailingJournalIsKeptAndCostsNoQuarantine(t *testing.T) {
	told := make(chan error, 100)
	s, d := openFaulty(t, func(err error) { told <- err })
	// The journal's table refuses; the quarantine's does not.
	if _, err := s.write.Exec("CREATE TRIGGER refuse BEFORE INSERT ON journal BEGIN SELECT raise(ABORT, 'refused'); END"); err != nil {
		t.Fatal(err)
	}
	release := holdWriter(t, s)
	s.Journal(Entry{ID: "J1", At: noon})
	s.Stranger(noon, heldMessage("").Client, "")
	done := make(chan error)
	go func() { done <- s.Quarantine(t.Context(), heldMessage("A"), strings.NewReader(content)) }()
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Flush: %v", err)
	}
	if err := <-told; !strings.Contains(err.Error(), "refused") {
		t.Errorf("told %v", err)
	}
	quarantine(t, s, "B", content)
	d.set("commit", syscall.EIO) // now the whole commit fails; first, or the next try comes between and is well
	if _, err := s.write.Exec("DROP TRIGGER refuse"); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); !errors.Is(err, ErrNotWritable) {
		t.Errorf("Flush: %v", err)
	}
	d.set("", nil)
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	entries, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if rows, err := s.Strangers(t.Context(), noon); err != nil || len(rows) != 1 || rows[0].Count != 1 {
		t.Errorf("strangers %+v, %v", rows, err)
	}
}

func TestAFailingJournalBlocksWhenItsBacklogIsFullAndLosesNothing(t *testing.T) {
	var failures atomic.Int32
	s, d := openFaulty(t, func(error) { failures.Add(1) })
	d.set("commit", syscall.ENOSPC)
	const total = maxEntries + entryBacklog + 100
	given := make(chan int, total)
	go func() {
		for i := range total {
			s.Journal(Entry{ID: fmt.Sprint(i), At: noon})
			given <- i
		}
		close(given)
	}()
	for i := range total - 100 { // those find room
		if got := <-given; got != i {
			t.Fatal(got)
		}
	}
	for range 50 { // each lets the writer choose between this and an entry
		if err := s.Flush(t.Context()); !errors.Is(err, ErrFull) {
			t.Errorf("%v", err)
		}
	}
	if more := len(given); more > 1 { // one may lie between the two places
		t.Errorf("%d entries more than there is room for", more)
	}
	if failures.Load() == 0 {
		t.Error("nobody was told")
	}
	d.set("", nil)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range given { // until all were given
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Entries(t.Context(), Filter{Limit: 10_000})
	if err != nil || len(entries) != total {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, e := range entries { // newest first
		if want := fmt.Sprint(total - 1 - i); e.ID != want {
			t.Fatalf("entry %d is %s, want %s", i, e.ID, want)
		}
	}
}

func TestCloseTellsWhatItCouldNotKeep(t *testing.T) {
	s, d := openFaulty(t, func(error) {})
	d.set("commit", syscall.EIO)
	for range 3 {
		s.Journal(Entry{ID: "J", At: noon})
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "3 journal entries lost") {
		t.Errorf("%v", err)
	}
}

func TestCloseCountsTheEntriesOfThoseWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := openFaulty(t, func(error) {})
		release := holdWriter(t, s)
		for i := range entryBacklog + 7 {
			go s.Journal(Entry{ID: fmt.Sprint(i), At: noon}) // ends when the store closes
		}
		synctest.Wait() // seven of them wait
		done := make(chan error)
		go func() { done <- s.Close() }()
		synctest.Wait()
		release()
		if err := <-done; err == nil || err.Error() != "store: close: 7 journal entries lost" {
			t.Error(err)
		}
	})
}

// One failing change must not take the others of its group with it.
func TestAGroupAnswersEachOfItsCallers(t *testing.T) {
	s, d := openFaulty(t, nil)
	quarantine(t, s, "taken", content)
	if err := os.Remove(s.blobs.Path("taken")); err != nil {
		t.Fatal(err) // so that the row, not the file, is in the way
	}
	release := holdWriter(t, s)
	d.set("", nil)
	ids := []string{"A", "taken", "B", "C"}
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = s.Quarantine(t.Context(), heldMessage(id), strings.NewReader(content)) })
	}
	for len(s.changes) < len(ids) {
		runtime.Gosched()
	}
	release()
	wg.Wait()
	for i, err := range errs {
		if want := map[bool]error{true: ErrExists}[ids[i] == "taken"]; !errors.Is(err, want) {
			t.Errorf("%s: %v", ids[i], err)
		}
	}
	commits := 0
	for _, step := range d.steps {
		if step == "commit" {
			commits++
		}
	}
	if commits != 2 { // the one that held the writer, and the group
		t.Errorf("%d commits", commits)
	}
	if all, err := s.List(t.Context(), Filter{}); err != nil || len(all) != 4 {
		t.Errorf("%d rows, %v", len(all), err)
	}
}
