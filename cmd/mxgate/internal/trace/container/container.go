// Package container finds the messages in what people keep and send when they
// ask which way a mail came: .eml files, mbox, Maildir and other directories,
// headers pasted from a mail client, and messages attached to messages.
//
// Files are read through gateway/archive, so that `trace` and `explain` see the
// same messages; this room adds where each one lies, directories, the repair of
// pasted text (RFC 5322, Section 2.2.3 undone by clipboards), and what is
// attached (RFC 2046, Section 5.2.1; RFC 6522, Section 4). It judges nothing.
// Binary Outlook .msg files and compressed archives are refused by name.
package container

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mxgate/gateway/archive"
)

// Where a message was found.
const (
	InFile    = "file"
	InMbox    = "mbox"
	InMaildir = "maildir"
	Pasted    = "pasted"   // headers without a body, or text around them
	Attached  = "attached" // inside another message: whoever wrote that one wrote it, too
)

// Message is one message with where it was found.
type Message struct {
	File       string
	Number     int    // in the file, from 1
	Part       int    // 0: the message itself; n: the n-th message attached in it
	Offset     int64  // of its first octet, or of its mbox "From " line, in the file; an attached one has that of the message it is in
	Provenance string // one of the words above
	Content    []byte // with CRLF
	Damage     []string
}

// File is one file to read.
type File struct {
	Path       string // "-" is standard input
	SizeOctets int64
	Maildir    bool
}

// ErrFormat says that a file is of a kind that is not read here.
var ErrFormat = errors.New("is not a mail as text")

// List returns path itself, or if it is a directory the files below it in the
// order of their names: those of a Maildir without its "tmp", and no file that
// begins with a dot or belongs to the index of a mail server. Links are not
// followed below path. trouble is told of all that should have been read and
// cannot be; the rest is listed.
//
// Devices and named pipes are refused: reading one may never end, and cannot be
// interrupted. Whoever has one may write it to standard input.
func List(path string, trouble func(error)) []File {
	if path == "-" {
		return []File{{Path: path}}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		if fault, ok := errors.AsType[*fs.PathError](err); ok { // it says which call failed, and nobody asked
			err = fault.Err
		}
		trouble(fmt.Errorf("%s: %w", path, err))
		return nil
	case info.IsDir():
		return listDir(path, trouble)
	case !info.Mode().IsRegular():
		trouble(fmt.Errorf("%s is no file: give what it holds on standard input, with - for FILE", path))
		return nil
	}
	return []File{{path, info.Size(), inMaildir(path)}}
}

func listDir(path string, trouble func(error)) (files []File) {
	failed := false
	fault := func(err error) {
		failed = true
		trouble(err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // WalkDir does not go through a link
	}
	err := filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // a mail server moves messages while we look
			return nil
		case err != nil:
			fault(err)
			return nil
		case d.IsDir() && d.Name() == "tmp" && at != path && isMaildir(filepath.Dir(at)):
			return fs.SkipDir
		case !d.Type().IsRegular() || isIndex(d.Name()):
			return nil
		}
		info, err := d.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			fault(err)
		default:
			files = append(files, File{at, info.Size(), inMaildir(at)})
		}
		return nil
	})
	if err != nil {
		fault(err)
	}
	if len(files) == 0 && !failed {
		trouble(fmt.Errorf("%s: no file in it can be a message", path))
	}
	return files
}

func isMaildir(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "cur"))
	return err == nil && info.IsDir()
}

func inMaildir(file string) bool {
	dir := filepath.Dir(file)
	base := filepath.Base(dir)
	return (base == "cur" || base == "new") && isMaildir(filepath.Dir(dir))
}

// isIndex reports whether a mail server keeps notes under that name.
func isIndex(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "dovecot") || strings.HasPrefix(name, "courier") ||
		slices.Contains([]string{"maildirsize", "maildirfolder", "subscriptions"}, name)
}

// Each calls do for each message of the file and, behind each, for those that
// are attached in it. An error of do ends the walk and is returned as it is;
// so does the end of ctx while standard input is waited for.
func (f File) Each(ctx context.Context, do func(Message) error) error {
	if f.Path == "-" {
		return f.read("standard input", standardInput(ctx), do)
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f.read(f.Path, file, do)
}

// standardInput is os.Stdin until ctx ends. A read from a terminal cannot be
// interrupted: the goroutine that waits for it ends with the program.
func standardInput(ctx context.Context) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, os.Stdin)
		w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })
	return r
}

func (f File) read(name string, r io.Reader, do func(Message) error) error {
	in := &lines{r: bufio.NewReaderSize(r, 64<<10), whole: true}
	if err := refuse(in.r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	at := int64(0)
	return archive.Read(name, in, func(m archive.Message) error {
		found := Message{File: name, Number: m.Number, Offset: at, Provenance: InFile, Content: m.Content}
		at = in.begin // archive has read up to the next "From " line, and no further
		switch {
		case m.Mbox:
			found.Provenance = InMbox
		case f.Maildir:
			found.Provenance = InMaildir
		default:
			found.mend()
		}
		if err := do(found); err != nil {
			return err
		}
		for i, inner := range attached(found.Content) {
			message := Message{File: name, Number: found.Number, Part: i + 1, Offset: found.Offset, Provenance: Attached, Content: inner}
			if err := do(message); err != nil {
				return err
			}
		}
		return nil
	})
}

// refuse tells the formats by their first octets that people take for mail.
func refuse(r *bufio.Reader) error {
	start, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return fmt.Errorf("%w: an Outlook .msg file; save the message as .eml, or paste its Internet headers into a file", ErrFormat)
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}), bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xfd7zX")):
		return fmt.Errorf("%w: it is compressed; unpack it first", ErrFormat)
	case isUTF16(start):
		return fmt.Errorf("%w: it is UTF-16 (\"Unicode\" of Windows tools); save it as UTF-8", ErrFormat)
	}
	return nil
}

// isUTF16 reports whether text begins with a mark of UTF-16, or with letters that
// each have a zero octet beside them.
func isUTF16(start []byte) bool {
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return true
	}
	return len(start) == 4 && (start[0] == 0) != (start[1] == 0) && (start[0] == 0) == (start[2] == 0) && (start[1] == 0) == (start[3] == 0)
}

// maxLine is more than any line of mail has: RFC 5321 allows 1,000 octets. What
// is behind it in a line is left out, so that no line fills the memory.
const maxLine = 1 << 20

// lines hands on what it reads line by line, at most one in a Read, so that it
// is known where the line begins that its reader has seen last.
type lines struct {
	r       *bufio.Reader
	pending []byte
	whole   bool  // the last line had its end
	at      int64 // octets read
	begin   int64 // of the last line
}

func (l *lines) Read(p []byte) (int, error) {
	for len(l.pending) == 0 {
		if l.whole {
			l.begin = l.at
		}
		piece, err := l.r.ReadSlice('\n')
		if len(piece) == 0 {
			return 0, err
		}
		l.pending, l.whole = piece, piece[len(piece)-1] == '\n'
		if l.at-l.begin > maxLine {
			l.pending = nil
			if l.whole {
				l.pending = piece[len(piece)-1:]
			}
		}
		l.at += int64(len(piece))
	}
	n := copy(p, l.pending)
	l.pending = l.pending[n:]
	return n, nil
}
