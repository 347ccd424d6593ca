//go:build unix

package providers

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// gateway is the user that runs the gateway in these tests: nobody.
const gateway = 65534

// ownedDir makes a directory of another user; only root can.
func ownedDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("MXGATE_CI") == "1" {
			t.Fatal("we are not root (MXGATE_CI=1: may not be skipped)")
		}
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, gateway, gateway); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ownerOf(t *testing.T, path string) [2]uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	is := info.Sys().(*syscall.Stat_t)
	return [2]uint32{is.Uid, is.Gid}
}

// Else the user that runs the gateway could not read what root has refreshed.
func TestWhatRootWritesBelongsToTheOwnerOfTheDirectory(t *testing.T) {
	dir := ownedDir(t)
	lock := filepath.Join(dir, lockName)
	if err := os.WriteFile(lock, nil, 0o600); err != nil { // root's, of an earlier version
		t.Fatal(err)
	}
	for range 2 {
		if err := Update(dir, propose("ours", "192.0.2.0/24")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{lock, filepath.Join(dir, StateName)} {
			if got := ownerOf(t, path); got != [2]uint32{gateway, gateway} {
				t.Errorf("%s belongs to %v", path, got)
			}
		}
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
	}
}

// The directory is another user's, who may lay links in it to files of root.
func TestRootGivesAwayNothingThatALinkLeadsTo(t *testing.T) {
	for _, name := range []string{lockName, newName} {
		for kind, link := range map[string]func(old, new string) error{"symbolic": os.Symlink, "hard": os.Link} {
			dir, other := ownedDir(t), filepath.Join(t.TempDir(), "shadow")
			if err := os.WriteFile(other, []byte("of root"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := link(other, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			err := Update(dir, propose("ours", "192.0.2.0/24"))
			if refused := name == lockName && kind == "symbolic"; (err != nil) != refused {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			text, err := os.ReadFile(other)
			if got := ownerOf(t, other); err != nil || string(text) != "of root" || got != [2]uint32{} {
				t.Errorf("%s, %s: %q of %v, %v", name, kind, text, got, err)
			}
		}
	}
}
