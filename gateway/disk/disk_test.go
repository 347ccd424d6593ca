package disk

import (
	"os"
	"path/filepath"
	"testing"

	"mxgate/gateway/disk/disktest"
)

func TestFreeIsNoMoreThanTotal(t *testing.T) {
	dir := t.TempDir()
	free, err := Free(dir)
	if err != nil || free == 0 {
		t.Fatalf("Free: %d, %v", free, err)
	}
	if total, err := Total(dir); err != nil || total < free {
		t.Errorf("Total: %d, %v, and %d free", total, err, free)
	}
}

func TestADirectoryThatIsNotThereIsAnError(t *testing.T) {
	if free, err := Free(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Errorf("Free: %d", free)
	}
}

func TestADiskIsFullForWhatDoesNotFitAndKeepsNothingOfTheTry(t *testing.T) {
	dir := t.TempDir()
	if Full(dir, 4096) || Full(filepath.Join(dir, "none"), 4096) {
		t.Error("full, where there is room or no directory")
	}
	dir = disktest.Mount(t, "size=64k")
	for octets, want := range map[int]bool{32 << 10: false, 64 << 10: false, 68 << 10: true} {
		if got := Full(dir, octets); got != want {
			t.Errorf("%d octets: %t", octets, got)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

func TestAnEmptyFileIsItsOwnersAloneAndReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, want := range []string{"", "kept"} {
		if err := CreateEmpty(dir, path); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		info, errStat := os.Stat(path)
		if err != nil || errStat != nil || string(content) != want || info.Mode() != 0o600 {
			t.Errorf("%q, %v, %v, %v", content, info, err, errStat)
		}
		if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := CreateEmpty(filepath.Join(dir, "none"), path); err == nil {
		t.Error("a directory that is not there was written to")
	}
}
