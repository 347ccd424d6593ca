//go:build unix

package providers

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes file for this process alone, until it is closed or the process
// ends, however it ends. It reports false if another one has it.
func tryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
