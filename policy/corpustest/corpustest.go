// Package corpustest finds the third-party suites and real mail that tests run
// against. They are not part of the project: their licences do not let us carry
// them. Only tests import it.
package corpustest

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or directory of the corpora: below
// MXGATE_CORPORA if that is set, else below ../shared/corpora beside the module.
// If it is not there the test is skipped.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, ok := Find(t, name)
	if !ok {
		t.Skip("shared corpora not found; set MXGATE_CORPORA")
	}
	return path
}

// Find is Path for tests that can do without: ok says whether it is there.
func Find(t testing.TB, name string) (path string, ok bool) {
	t.Helper()
	dir := os.Getenv("MXGATE_CORPORA")
	if dir == "" {
		dir = filepath.Join(moduleRoot(t), "..", "shared", "corpora")
	}
	path = filepath.Join(dir, filepath.FromSlash(name))
	_, err := os.Stat(path)
	return path, err == nil
}

// moduleRoot walks up to go.mod: a test runs in the directory of its package.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}
