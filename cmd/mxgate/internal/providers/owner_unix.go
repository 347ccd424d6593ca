//go:build unix

package providers

import (
	"fmt"
	"os"
	"syscall"
)

// handOver gives file, in the directory of root, to the owner of that directory if
// we are the superuser: else the user that runs the gateway could not read it.
//
// A file with a second name is left as it is: the directory is that user's, who may
// have put a file there that he is not to have.
func handOver(file *os.File, root *os.Root) error {
	if os.Geteuid() != 0 {
		return nil
	}
	dir, err := root.Stat(".")
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	of, okDir := dir.Sys().(*syscall.Stat_t)
	is, okFile := info.Sys().(*syscall.Stat_t)
	if !okDir || !okFile || !info.Mode().IsRegular() || is.Nlink != 1 || is.Uid == of.Uid && is.Gid == of.Gid {
		return nil
	}
	if err := file.Chown(int(of.Uid), int(of.Gid)); err != nil {
		return fmt.Errorf("cannot be given to the owner of %s: %w", root.Name(), err)
	}
	return nil
}
