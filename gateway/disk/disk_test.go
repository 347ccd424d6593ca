package disk

import (
	"path/filepath"
	"testing"
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
