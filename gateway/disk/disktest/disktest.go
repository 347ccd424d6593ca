// Package disktest gives tests a disk that is full.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Mount mounts a tmpfs for the rest of the test and returns its directory. options
// are those of mount(8), such as "size=8m". Without root the test is skipped, and
// under MXGATE_CI=1 it fails.
func Mount(t *testing.T, options string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "mxgate-test", dir).CombinedOutput(); err != nil {
		if os.Getenv("MXGATE_CI") == "1" {
			t.Fatalf("cannot mount a tmpfs (MXGATE_CI=1: may not be skipped): %v: %s", err, out)
		}
		t.Skipf("cannot mount a tmpfs here (needs root): %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// Fill takes the room of the file system of dir, but for so many octets, until empty
// is called.
func Fill(t *testing.T, dir string, but int64) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	if err == nil {
		err = errors.Join(f.Truncate(max(info.Size()-but, 0)), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
