//go:build unix

package memory

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockWait is how long the server waits for a tool that holds the lock. It then
// goes on: the database itself refuses the commits of the tool.
const lockWait = 5 * time.Second

// lockName is the file that is locked by who serves, so that tools know whether
// somebody does. The lock ends with the process, however it ends.
const lockName = "memory.lock"

// serving takes the lock, if that is to be had.
func serving(dir string) (unlock func()) {
	for end := time.Now().Add(lockWait); ; time.Sleep(50 * time.Millisecond) {
		if unlock, ok := tryLock(dir); ok || time.Now().After(end) {
			return unlock
		}
	}
}

// tryLock takes the lock, unless somebody has it.
func tryLock(dir string) (unlock func(), ok bool) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = f.Close() // nothing was written
		return func() {}, false
	}
	return func() { _ = f.Close() }, true // closing releases
}
