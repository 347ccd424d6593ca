// Package terminal says whether what is printed is read by a person, and whether in
// colours.
package terminal

import (
	"io"
	"os"
)

// Is reports whether w is a character device: progress is for people.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Coloured reports whether w takes colours: a terminal, unless NO_COLOR is set
// (no-color.org) or the terminal is a dumb one.
func Coloured(w io.Writer) bool {
	return Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
