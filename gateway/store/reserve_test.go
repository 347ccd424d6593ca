package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/disk/disktest"
)

// openTelling opens dir, and gathers what OnError is told.
func openTelling(t *testing.T, dir string) (s *Store, told *[]string) {
	t.Helper()
	told = new([]string)
	s, err := Config{Dir: dir, OnError: func(err error) { *told = append(*told, err.Error()) }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	return s, told
}

// What is no regular file is somebody else's: it is told once, until it is gone, and
// never written to.
func TestWhatIsNoRegularFileIsNoReserve(t *testing.T) {
	for name, put := range map[string]func(path, outside string) error{
		"a directory":                   func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"a link to a file":              func(path, outside string) error { return os.Symlink(outside, path) },
		"a link to nothing":             func(path, outside string) error { return os.Symlink(outside+".none", path) },
		"a link to a directory outside": func(path, outside string) error { return os.Symlink(filepath.Dir(outside), path) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{100, 2 * reserveOctets} { // one that would grow, and one that would be cut
				dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
				if err := os.WriteFile(outside, make([]byte, size), 0o600); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "reserve")
				if err := put(path, outside); err != nil {
					t.Fatal(err)
				}
				is := " is a symbolic link"
				if name == "a directory" {
					is = " is a directory"
				}
				if err := (Config{Dir: dir}).Reserve(); err == nil || !strings.HasPrefix(err.Error(), path+is+": expected a regular file") {
					t.Errorf("before the start: %v", err)
				}
				s, told := openTelling(t, dir)
				s.KeepReserve()
				if s.SpendReserve() {
					t.Error("spent")
				}
				quarantine(t, s, "A", content)
				if err := s.Delete(t.Context(), "A", "erika"); err != nil {
					t.Error(err)
				}
				if len(*told) != 1 || !strings.Contains((*told)[0], path+is+": expected a regular file") || !strings.Contains((*told)[0], "move away what is there") {
					t.Errorf("told %q", *told)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				s.KeepReserve()
				if info, err := os.Lstat(path); err != nil || info.Size() != reserveOctets || !info.Mode().IsRegular() {
					t.Errorf("%v, %v", info, err)
				}
				if err := (Config{Dir: dir}).Reserve(); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if left, err := os.ReadFile(outside); err != nil || len(left) != size {
					t.Errorf("%d octets are left outside of %d, %v", len(left), size, err)
				}
				if left, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(left) != 1 {
					t.Errorf("outside are %v, %v", left, err)
				}
				if len(*told) != 1 {
					t.Errorf("told %q", *told)
				}
			}
		})
	}
}

// Whoever fills the disk between a stop and the next start must not get the reserve
// bit by bit.
func TestStopsOnAFullDiskDoNotUseUpTheReserve(t *testing.T) {
	dir := stopped(t)
	for i := range 3 * reserveOctets / reservePart {
		disktest.Fill(t, dir, 0)
		s := openStore(t, dir)
		if err := s.Close(); err != nil {
			t.Fatal(i, err)
		}
	}
	s := openStore(t, dir)
	if info, err := os.Stat(s.reserve()); err != nil || info.Size() < reserveOctets/2 {
		t.Errorf("the reserve: %v, %v", info, err)
	}
	if err := s.Delete(t.Context(), "A", "erika"); err != nil {
		t.Error(err)
	}
}

// The room that a tool leaves behind belongs to the gateway that runs.
func TestAToolThatEndsBesideAGatewayTakesNoRoom(t *testing.T) {
	dir := stopped(t)
	running := openStore(t, dir)
	tool := openStore(t, dir)
	disktest.Fill(t, dir, 100<<10)
	if !running.SpendReserve() {
		t.Fatal("no reserve")
	}
	before, err := running.freeOctets()
	if err != nil {
		t.Fatal(err)
	}
	if err := tool.Close(); err != nil {
		t.Error(err)
	}
	if after, err := running.freeOctets(); err != nil || after != before {
		t.Errorf("%d octets free, %d before, %v", after, before, err)
	}
}
