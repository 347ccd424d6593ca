//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhoseItIsThatWasDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	denied := func(path string) error { return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES} }
	if o, ok := Denied(dir, denied(filepath.Join(dir, "blobs/none/at/all"))); ok {
		t.Errorf("our own: %v", o)
	}
	if err := os.Chown(filepath.Join(dir, "blobs"), 424242, -1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dir string
		err       error
		path      string // "": nothing to tell
	}{
		{"in a directory of another user", dir, denied(filepath.Join(dir, "blobs/none/at/all")), filepath.Join(dir, "blobs")},
		{"the directory itself", filepath.Join(dir, "blobs"), denied(filepath.Join(dir, "blobs")), filepath.Join(dir, "blobs")},
		{"beside it", filepath.Join(dir, "blobs"), denied("/elsewhere"), filepath.Join(dir, "blobs")},
		{"what is not there is nobody's", filepath.Join(dir, "none"), denied(filepath.Join(dir, "none")), ""},
		{"another error", dir, &fs.PathError{Op: "open", Path: filepath.Join(dir, "blobs"), Err: syscall.ENOSPC}, ""},
		{"an error without a path", dir, errors.Join(fs.ErrPermission), ""},
	} {
		o, ok := Denied(c.dir, c.err)
		if ok != (c.path != "") || o.Path != c.path || ok && (o.UID != 424242 || o.String() != "uid 424242" || o.Sudo() != "sudo -u '#424242'") {
			t.Errorf("%s: %+v, %t", c.name, o, ok)
		}
	}
	if err := os.Chown(filepath.Join(dir, "blobs"), 1, -1); err != nil {
		t.Fatal(err)
	}
	if o, _ := Denied(dir, denied(filepath.Join(dir, "blobs"))); !strings.HasPrefix(o.String(), "uid 1 (") || o.Sudo() != "sudo -u "+o.Name {
		t.Errorf("a user with a name: %v, %s", o, o.Sudo())
	}
}
