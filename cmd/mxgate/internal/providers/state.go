package providers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mxgate/gateway/disk"
	"mxgate/policy/provider/ranges"
)

// Names in the data directory: the state file, what is written before it takes
// its place, and what is locked meanwhile.
const (
	StateName = "providers.json"
	newName   = StateName + ".new"
	lockName  = "providers.lock"
)

// How long Update waits for another command that changes the state: one has it
// for milliseconds.
const (
	lockTries = 250
	lockPause = 20 * time.Millisecond
)

// ErrLocked says that another command is changing the state.
var ErrLocked = errors.New("providers: another command holds " + lockName)

// LoadState reads the state file in dir; without one nothing is known yet. A file
// that cannot be read is an error with its name: it holds the last good lists.
func LoadState(dir string) (*ranges.State, error) {
	path := filepath.Join(dir, StateName)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ranges.NewState(), nil
	}
	if owner, ok := disk.Denied(dir, err); ok {
		return nil, fmt.Errorf("%s belongs to %s: run this as that user, e.g. %s mxgate ... (%w)", owner.Path, owner, owner.Sudo(), err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, ranges.MaxStateOctets+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	state, err := ranges.ReadState(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put back a copy of it, or remove it and accept the lists again", path, err)
	}
	return state, nil
}

// Update reads the state file in dir, creating the directory, lets change have it,
// and writes it back if change succeeds. Commands that run at the same time wait
// for each other, so that none takes back what another has accepted.
//
// When it returns nil the file is durable; at no moment is it half written, and one
// that LoadState would not read is never written. What root writes belongs to the
// owner of the directory, who goes on with it.
func Update(dir string, change func(*ranges.State) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // a link in it leads nowhere else
	if err != nil {
		return err
	}
	defer root.Close()
	lock, err := lockIn(root)
	if err != nil {
		return err
	}
	defer lock.Close() // releases; nothing was written
	state, err := LoadState(dir)
	if err != nil {
		return err
	}
	if err := change(state); err != nil {
		return err
	}
	text := state.Text()
	if _, err := ranges.ReadState(text); err != nil {
		return fmt.Errorf("%s is not written: %w", filepath.Join(dir, StateName), err)
	}
	return replace(root, text)
}

func lockIn(root *os.Root) (*os.File, error) {
	file, err := root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := handOver(file, root); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	for range lockTries {
		locked, err := tryLock(file)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock: %w", err), file.Close())
		}
		if locked {
			return file, nil
		}
		time.Sleep(lockPause)
	}
	return nil, errors.Join(fmt.Errorf("%w in %s", ErrLocked, root.Name()), file.Close())
}

// replace puts text in the place of the state file. What an earlier process left
// half written, because it was killed, goes.
func replace(root *os.Root, text []byte) error {
	if err := root.Remove(newName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(newName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, handOver(file, root), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, root.Remove(newName))
	}
	if err := root.Rename(newName, StateName); err != nil {
		return err
	}
	parent, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
