package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/disk/disktest"
)

// childEnv makes the test binary the process that is killed.
const childEnv = "MXGATE_STORE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Fprintln(os.Stderr, quarantineForEver(dir, os.Getenv("MXGATE_STORE_TEST_ROUND")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// contentOf is what belongs to an ID: 0 to 200 KB.
func contentOf(id string) string {
	sum := sumOf(id)
	return strings.Repeat(id+sum+"\r\n", int(sum[0])*int(sum[1])%2000)
}

// quarantineForEver quarantines from four goroutines, and prints each ID when
// Quarantine has returned nil: what is printed was promised.
func quarantineForEver(dir, round string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for g := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("r%s-%d-%d", round, g, i)
				s.Journal(Entry{ID: id, At: noon})
				if err := s.Quarantine(context.Background(), heldMessage(id), strings.NewReader(contentOf(id))); err != nil {
					failed <- err
				}
				os.Stdout.WriteString(id + "\n")
				if i%5 == 4 {
					if err := s.Delete(context.Background(), id, "admin"); err != nil {
						failed <- err
					}
				}
			}
		}()
	}
	return <-failed
}

func TestNothingPromisedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	var promised []string
	for round := range 10 {
		promised = append(promised, killedRun(t, dir, round)...)
		checkLedger(t, dir, promised)
	}
	t.Logf("%d messages promised in 10 runs", len(promised))
}

// killedRun starts a child, kills it at a random moment and returns the IDs that
// it has printed.
func killedRun(t *testing.T, dir string, round int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint("MXGATE_STORE_TEST_ROUND=", round))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	r := bufio.NewReader(out)
	for limit := 1 + rand.IntN(40); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // a part of a line is no promise
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
		if len(ids) == limit {
			// Others are in the middle of something; what they still print counts.
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child: %v", err)
	}
	return ids
}

// checkLedger compares what is there with what was promised.
func checkLedger(t *testing.T, dir string, promised []string) {
	t.Helper()
	s := openStore(t, dir)
	defer s.Close()
	s.now = func() time.Time { return time.Now().Add(time.Hour) }
	all, err := s.List(t.Context(), Filter{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]State{}
	var files []string
	for _, h := range all { // promised or not: what is listed is whole
		states[h.ID] = h.State
		if h.State == StateDeleted {
			continue
		}
		files = append(files, h.ID+".eml")
		if got := readContent(t, s, h.ID); got != contentOf(h.ID) {
			t.Errorf("content of %s differs", h.ID)
		}
	}
	for _, id := range promised {
		if states[id] == "" {
			t.Errorf("%s was promised and is lost", id)
		}
	}
	swept, err := s.Sweep(t.Context())
	if err != nil {
		t.Error(err)
	}
	left := filesOf(t, dir)
	slices.Sort(files)
	slices.Sort(left)
	if !slices.Equal(files, left) {
		t.Errorf("files after Sweep (%+v): %d, rows with content: %d", swept, len(left), len(files))
	}
	if _, err := s.Entries(t.Context(), Filter{}); err != nil {
		t.Error(err)
	}
	var ok string
	if err := s.read.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity %q, %v", ok, err)
	}
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	dir := disktest.Mount(t, "size=6m")
	s, err := Config{Dir: dir, OnError: func(err error) {
		if !errors.Is(err, ErrFull) {
			t.Error("in the background:", err)
		}
	}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	body := strings.Repeat("full disk 012345", 4096) // 64 KiB
	var kept []string
	refused := 0
	for i := range 200 {
		id := fmt.Sprint("f", i)
		size := len(body) >> min(refused, 14) // small ones still find room: the database fills too
		switch err := s.Quarantine(t.Context(), heldMessage(id), strings.NewReader(body[:size])); {
		case err == nil:
			kept = append(kept, id)
		case errors.Is(err, ErrFull):
			refused++
		default:
			t.Fatalf("%s: %v", id, err)
		}
	}
	t.Logf("%d kept, %d refused", len(kept), refused)
	if refused < 50 || len(kept) < 10 {
		t.Fatal("the disk was not full")
	}
	all, err := s.List(t.Context(), Filter{})
	if err != nil || len(all) != len(kept) || len(filesOf(t, dir)) != len(kept) {
		t.Fatalf("%d rows, %d files, %d kept, %v", len(all), len(filesOf(t, dir)), len(kept), err)
	}
	for _, id := range kept {
		readContent(t, s, id) // compares
	}
	// A person must be able to make room, also from another process.
	other, err := Open(dir)
	if err != nil {
		t.Fatalf("opening on a full disk: %v", err)
	}
	defer other.Close()
	for _, id := range kept[:10] {
		if err := other.Delete(t.Context(), id, "admin"); err != nil {
			t.Fatalf("deleting on a full disk: %v", err)
		}
	}
	quarantine(t, s, "after", body)
}

func TestAFileSystemThatTurnsReadOnlyRefuses(t *testing.T) {
	dir := disktest.Mount(t, "size=8m")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	quarantine(t, s, "A", content)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot remount: %v: %s", err, out)
	}
	_, err = Open(dir)
	if !errors.Is(err, ErrNotWritable) || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
}

func BenchmarkQuarantine4KSerial(b *testing.B) {
	s := openStore(b, b.TempDir())
	body := strings.Repeat("0123456789abcde\n", 256)
	n := 0
	for b.Loop() {
		n++
		if err := s.Quarantine(b.Context(), heldMessage(fmt.Sprint("b", n)), strings.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuarantine4KParallel(b *testing.B) {
	s := openStore(b, b.TempDir())
	body := strings.Repeat("0123456789abcde\n", 256)
	var mu sync.Mutex
	n := 0
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			id := fmt.Sprint("b", n)
			mu.Unlock()
			if err := s.Quarantine(b.Context(), heldMessage(id), strings.NewReader(body)); err != nil {
				b.Error(err)
			}
		}
	})
}
