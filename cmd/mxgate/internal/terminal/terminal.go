// Package terminal says whether what is printed is read by a person, and whether in
// colours.
package terminal

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// Is reports whether w is a terminal: progress is for people.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Coloured reports whether w takes colours: a terminal, unless NO_COLOR is set
// (no-color.org) or the terminal is a dumb one.
func Coloured(w io.Writer) bool {
	return Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
