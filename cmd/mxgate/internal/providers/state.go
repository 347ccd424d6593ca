package providers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mxgate/policy/provider/ranges"
)

// StateName is the name of the state file in the data directory.
const StateName = "providers.json"

// LoadState reads the state file in dir; without one nothing is known yet. A file
// that cannot be read is an error with its name: it holds the last good lists.
func LoadState(dir string) (*ranges.State, error) {
	path := filepath.Join(dir, StateName)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ranges.NewState(), nil
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

// SaveState writes the state file in dir, creating the directory. When it returns
// nil the file is durable; at no moment is it half written.
func SaveState(dir string, state *ranges.State) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, StateName+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // is gone after the rename
	_, err = temp.Write(state.Text())
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), filepath.Join(dir, StateName)); err != nil {
		return err
	}
	parent, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
