// Package disk says how much room a file system has, and begins files on it. It
// knows no limits: who asks decides what is too little.
package disk

import (
	"crypto/rand"
	"errors"
	"os"
	"syscall"
)

// Free is how many octets an unprivileged process may still write below dir,
// and math.MaxUint64 where the system cannot be asked: a full disk then shows
// when it is written to.
func Free(dir string) (uint64, error) {
	free, _, err := space(dir)
	return free, err
}

// Total is the size of the file system of dir in octets; math.MaxUint64 as above.
func Total(dir string) (uint64, error) {
	_, total, err := space(dir)
	return total, err
}

// Full reports whether the file system of dir has no room for so many octets
// more. It writes them and removes them again: of quotas, and of what is kept
// back, only a write tells. What fails for another reason is not full.
func Full(dir string, octets int) bool {
	f, err := os.CreateTemp(dir, "room-")
	if err == nil {
		fill := make([]byte, octets)
		rand.Read(fill) // so that no file system stores it in less
		_, err = f.Write(fill)
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// CreateEmpty creates an empty file of mode 0600 at path, unless there is one, by
// way of a file in tmp, which is on the same file system. It fails in either case
// where nothing can be written. SQLite would give a database the mode 0644, and its
// other files take the mode of that one.
//
// It does not open a file that is there: closing it would drop all POSIX locks that
// this process has on it.
func CreateEmpty(tmp, path string) error {
	f, err := os.CreateTemp(tmp, "new-") // mode 0600
	if err != nil {
		return err
	}
	if err = f.Close(); err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(f.Name()))
}
