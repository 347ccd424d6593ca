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
	unlock, _ = await(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, syscall.LOCK_EX, lockWait)
	return unlock
}

// tryLock takes the lock, unless somebody has it.
func tryLock(dir string) (unlock func(), ok bool) {
	return await(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, syscall.LOCK_EX, 0)
}

// usersWait is how long one waits for the others. It then goes on: a tool opens its
// log within moments, and what it writes later is read as soon as it has ended.
var usersWait = 5 * time.Second

// using is for a tool. One that only reads makes no file.
func using(dir string, writes bool) (end func()) {
	flags := os.O_RDONLY
	if writes {
		flags |= os.O_CREATE
	}
	end, _ = await(filepath.Join(dir, usersName), flags, syscall.LOCK_SH, usersWait)
	return end
}

// alone waits until no tool has the database open whose users those are, or for so
// long. It reports false only if one has.
func alone(users string, wait time.Duration) (end func(), ok bool) {
	end, ok = await(users, os.O_CREATE|os.O_RDONLY, syscall.LOCK_EX, wait)
	if !ok {
		f, err := os.Open(users)
		if err != nil {
			return end, true // nobody can know
		}
		_ = f.Close() // nothing was written
	}
	return end, ok
}

func await(path string, flags, how int, wait time.Duration) (unlock func(), ok bool) {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		unlock, ok, busy := try(path, flags, how)
		if ok || !busy || time.Now().After(end) {
			return unlock, ok
		}
	}
}

// try takes a lock. busy says that it may be to be had later: the others have it, or the
// file was moved aside meanwhile.
func try(path string, flags, how int) (unlock func(), ok, busy bool) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return func() {}, false, false
	}
	if flags&os.O_RDWR == 0 {
		_ = f.Chmod(0o644) // memory.users: whoever works here, as root too, must be able to open it: the directory is the gateway's alone
	}
	err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	mine, errMine := f.Stat()
	now, errNow := os.Stat(path)
	if err != nil || errMine != nil || errNow != nil || !os.SameFile(mine, now) {
		_ = f.Close() // nothing was written
		return func() {}, false, true
	}
	return func() { _ = f.Close() }, true, false // closing releases
}
