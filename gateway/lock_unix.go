//go:build unix

package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"mxgate/gateway/disk"
)

// lock makes this process the only one that serves from dir: a second one would
// remove the spool files of the first. Commands that only look need no lock. It
// is released when the process ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if owner, ok := disk.Denied(dir, err); ok {
		err = fmt.Errorf("%s: %w", owner.Cures(), err)
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another mxgate serves from it: expected one gateway for each data_dir")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing releases; nothing was written
}
