package firewall

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrForeign is wrapped by what Replace says of a file that is not ours.
var ErrForeign = errors.New("firewall: not a file of this format made here")

// Earlier reads the file that an earlier run wrote. A file that is not there
// gives nil; one that is not of format f is ErrForeign, so that a firewall's own
// configuration is never overwritten.
func (f Format) Earlier(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > MaxReadOctets:
		return nil, fmt.Errorf("%w (%s): %s: expected a file that is not there yet, or that an earlier run made", ErrForeign, f.Name, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(text), f.mark) || !strings.Contains(string(text), "mxgate") {
		return nil, fmt.Errorf("%w (%s): %s: expected a file that is not there yet, or that an earlier run made", ErrForeign, f.Name, file)
	}
	return text, nil
}

// Replace writes text to file, and what leads back to rollback: the text that was
// there before, or undo if earlier is nil. Each file is whole at every moment. The
// way back is there before the new text is. Text that is there already changes
// neither: a second run must not overwrite the way back with the present.
func Replace(file, rollback string, earlier []byte, text, undo string) (changed bool, err error) {
	if earlier != nil && string(earlier) == text {
		return false, nil
	}
	if earlier != nil {
		undo = string(earlier)
	}
	if err := write(rollback, undo); err != nil {
		return false, err
	}
	return true, write(file, text)
}

// write replaces a file as a whole.
func write(file, text string) error {
	temp, err := os.CreateTemp(filepath.Dir(file), ".mxgate-firewall-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // is gone after the rename
	_, err = temp.WriteString(text)
	// Rules are no secret: whoever loads them need not be who made them.
	err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}
