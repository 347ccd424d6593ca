package corpus

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func written(t *testing.T, name string, data []byte) Dir {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lookalike"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return Dir(dir)
}

func TestADirectoryWithoutTheCorporaIsAbsent(t *testing.T) {
	if _, err := Find(t.TempDir()); !errors.Is(err, ErrAbsent) {
		t.Errorf("%v, want ErrAbsent", err)
	}
	dir := written(t, "x", nil)
	if got, err := Find(string(dir)); err != nil || got != dir {
		t.Errorf("%q %v", got, err)
	}
}

func TestListsAreReadWithoutHeadingsAndComments(t *testing.T) {
	dir := written(t, "list.tsv", []byte("domain\tbucket\r\nA.example\t1\n\n// no\nb.example\t2\n"))
	if got, err := dir.Column("list.tsv"); err != nil || !slices.Equal(got, []string{"a.example", "b.example"}) {
		t.Errorf("%q %v", got, err)
	}
	if rows, err := dir.Table("list.tsv"); err != nil || len(rows) != 2 || rows[0][0] != "A.example" || rows[1][1] != "2" {
		t.Errorf("%q %v", rows, err)
	}
}

func TestPackedFilesAreUnpacked(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte("{\"n\":1}\n{\"n\":2}\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := JSONLines[struct{ N int }](written(t, "x.gz", b.Bytes()), "x.gz")
	if err != nil || len(got) != 2 || got[1].N != 2 {
		t.Errorf("%v %v", got, err)
	}
}
