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
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !Coloured(null) {
		t.Error("a terminal is not coloured")
	}
	t.Setenv("NO_COLOR", "1")
	if Coloured(null) || !Is(null) {
		t.Error("NO_COLOR is not heeded, or ends progress")
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if Coloured(null) {
		t.Error("a dumb terminal is coloured")
	}
}
