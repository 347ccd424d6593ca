package terminal

import (
	"bytes"
	"os"
	"testing"
)

func TestColourIsForTerminalsAlone(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Coloured(&bytes.Buffer{}) || Coloured(file) {
		t.Error("a file is coloured")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if Is(null) {
		t.Error("/dev/null is a terminal")
	}
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0) // a character device, too
	if err != nil {
		t.Skip("no terminal to be had: ", err)
	}
	defer tty.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !Coloured(tty) {
		t.Error("a terminal is not coloured")
	}
	t.Setenv("NO_COLOR", "1")
	if Coloured(tty) || !Is(tty) {
		t.Error("NO_COLOR is not heeded, or ends progress")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if Coloured(tty) {
		t.Error("a dumb terminal is coloured")
	}
}
