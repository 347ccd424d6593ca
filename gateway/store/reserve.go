package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// reserveOctets is kept back on the disk: deleting a message must be committed
// before its content goes, and on a full disk not even that would have room. It is
// spent in parts, so that a start on a full disk leaves some for deleting, and a
// stop some for the next start.
const (
	reserveOctets = 1 << 20
	reservePart   = openOctets
	closeLeaves   = reserveOctets / 2
)

// reserveName is its name within Config.Dir.
const reserveName = "reserve"

func (s *Store) reserve() string { return filepath.Join(s.dir, reserveName) }

// Reserve returns an error if something stands in Dir in the place of the reserve that
// cannot be one. Who may write to it the gateway will see: whoever asks may be another
// user.
func (c Config) Reserve() error {
	path := filepath.Join(c.Dir, reserveName)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return noReserve(notRegular(path, info))
	}
	return nil
}

// freeing is change for changes that lead to more room, or must not fail for lack of
// it: they may use the reserve.
func (s *Store) freeing(ctx context.Context, apply func(*sql.Tx) error) error {
	err := s.change(ctx, apply)
	for errors.Is(err, ErrFull) && s.SpendReserve() {
		err = s.change(ctx, apply)
	}
	return err
}

// SpendReserve gives a part of the reserve to whoever cannot do without room, and
// reports false when nothing is left of it. That is who deletes, and the databases
// of a gateway that starts. It grows again once there is room.
func (s *Store) SpendReserve() bool { return s.spendReserve(0) }

// spendReserve is SpendReserve for who leaves so many octets of it to others.
func (s *Store) spendReserve(leave int64) bool {
	spent := false
	s.noteReserve(s.withReserve(0, func(f *os.File, size int64) error {
		if size <= leave {
			return nil
		}
		err := f.Truncate(max(size-reservePart, leave))
		spent = err == nil
		return err
	}))
	return spent
}

// KeepReserve restores the reserve where there is room for it, and for opening a
// database beside. It is cheap: the server calls it now and then. What is in its way
// OnError hears of, once.
func (s *Store) KeepReserve() {
	if info, err := os.Lstat(s.reserve()); err == nil && info.Mode().IsRegular() && info.Size() >= reserveOctets {
		return
	}
	s.noteReserve(s.withReserve(os.O_CREATE, func(f *os.File, size int64) error {
		missing := reserveOctets - size
		if free, err := s.freeOctets(); err == nil && free < missing+openOctets {
			return nil
		}
		return grow(f, size, missing)
	}))
}

// takeBack has the reserve take what closing the database has freed, or as much of it
// as there is: the next start will ask for it. Whoever has the database open still
// needs that room himself.
func (s *Store) takeBack() {
	if _, err := os.Lstat(filepath.Join(s.dir, databaseName+"-wal")); !errors.Is(err, os.ErrNotExist) {
		return
	}
	s.noteReserve(s.withReserve(os.O_CREATE, func(f *os.File, size int64) error {
		free, err := s.freeOctets()
		if err != nil {
			return nil // how much there is Trouble could not tell either
		}
		return grow(f, size, min(reserveOctets-size, free))
	}))
}

// grow makes f, of size octets, longer by so many, or leaves it as it is.
func grow(f *os.File, size, octets int64) error {
	if octets <= 0 {
		return nil
	}
	fill := make([]byte, octets)
	rand.Read(fill) // so that no file system stores it in less
	_, err := f.WriteAt(fill, size)
	if err != nil {
		_ = f.Truncate(size) // a quota: what is left of it is for the mail
	}
	return err
}

// withReserve opens the reserve for do. What is no regular file is not ours: to spend
// it would cut a file of somebody else, which a symbolic link may name.
func (s *Store) withReserve(flags int, do func(f *os.File, size int64) error) error {
	path := s.reserve()
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return notRegular(path, info)
	}
	f, err := os.OpenFile(path, flags|os.O_WRONLY|noFollow, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // nobody reads it
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() { // put there since
		err = notRegular(path, info)
	}
	if err != nil {
		return err
	}
	return do(f, info.Size())
}

// notRegular says what stands in the place of the reserve.
func notRegular(path string, info os.FileInfo) error {
	what := "is no regular file"
	switch info.Mode().Type() {
	case os.ModeSymlink:
		what = "is a symbolic link"
	case os.ModeDir:
		what = "is a directory"
	}
	return fmt.Errorf("%s %s", path, what)
}

// noReserve says why there can be none, what is expected and what to do.
func noReserve(err error) error {
	return fmt.Errorf("%w: expected a regular file that the user running mxgate may write: move away what is there, and mxgate makes a new one; "+
		"without it nothing can be deleted, and no gateway started, on a full disk", err)
}

// noteReserve tells OnError why there can be no reserve: once, until there can be one. That there is none, and no room for it,
// is no fault of it.
func (s *Store) noteReserve(err error) {
	if kind := fault("reserve", err); kind == nil || errors.Is(kind, ErrFull) || errors.Is(kind, os.ErrNotExist) {
		s.reserveBad.Store(false)
		return
	}
	if s.reserveBad.CompareAndSwap(false, true) {
		s.onError(fmt.Errorf("store: as user %d: %w", os.Getuid(), noReserve(err)))
	}
}
