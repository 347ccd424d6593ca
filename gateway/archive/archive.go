// Package archive reads stored messages from files: one message in a file
// (.eml) or many (mbox, RFC 4155 with the quoting known as mboxrd).
//
// Line ends are made CRLF, as SMTP would have carried them; nothing else
// changes. It judges nothing.
package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxMessageOctets bounds one message: a file must not fill the memory.
const MaxMessageOctets = 256 << 20

// ErrTooLarge says that a message exceeds MaxMessageOctets.
var ErrTooLarge = errors.New("archive: message too large")

// ErrNoMessage says that there is nothing in what was read.
var ErrNoMessage = errors.New("holds no message")

// Message is one message of a file.
type Message struct {
	Number  int  // in the file, from 1
	Mbox    bool // the file is an mbox, though it may hold only this one
	Content []byte
}

// Each calls do for each message of the file, in order. An error of do ends the
// walk and is returned as it is; other errors name the file.
//
// A message of an mbox that is too large is left out, though it has a number. The
// others are read, and the error at the end, ErrTooLarge, says which it was.
func Each(file string, do func(Message) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return Read(file, f, do)
}

// Read is Each for what is already open; name stands for it in errors.
func Read(name string, r io.Reader, do func(Message) error) error {
	var stopped error
	err := read(r, func(m Message) error {
		stopped = do(m)
		return stopped
	})
	if err != nil && stopped == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

var fromLine, crlf = []byte("From "), []byte("\r\n")

// read splits an mbox, or takes the whole as one message when it does not start
// like an mbox.
func read(r io.Reader, do func(Message) error) error {
	s := splitter{br: bufio.NewReaderSize(r, 64<<10), limit: MaxMessageOctets, do: do}
	start, err := s.br.Peek(len(fromLine))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	s.mbox = bytes.Equal(start, fromLine)
	return s.all()
}

// splitter cuts a file into messages.
type splitter struct {
	br    *bufio.Reader
	limit int // octets of a message
	do    func(Message) error
	mbox  bool

	n        int // messages so far
	content  []byte
	large    bool  // the message exceeds the limit: the rest of it is skipped
	tooLarge error // of all those
}

func (s *splitter) all() error {
	blank, inMessage := true, !s.mbox
	for {
		line, whole, err := s.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if s.mbox && blank && bytes.HasPrefix(line, fromLine) {
			if inMessage {
				if err := s.end(); err != nil {
					return err
				}
			}
			s.content, s.large, inMessage, blank = nil, !whole, true, false
			continue
		}
		text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		blank = len(text) == 0
		end := line[len(text):]
		if len(end) > 0 {
			end = crlf
		}
		s.add(text, end, whole)
		if s.large && !s.mbox {
			return fmt.Errorf("%w: more than %d octets", ErrTooLarge, s.limit)
		}
		if err != nil {
			break
		}
	}
	if inMessage && (s.large || len(s.content) > 0) {
		if err := s.end(); err != nil {
			return err
		}
	}
	if s.n == 0 {
		return ErrNoMessage
	}
	return s.tooLarge
}

// add puts a line to the message, unless that is too large.
func (s *splitter) add(text, end []byte, whole bool) {
	if s.large || !whole || len(s.content)+len(text)+len(end) > s.limit {
		s.content, s.large = nil, true
		return
	}
	if s.mbox && bytes.HasPrefix(bytes.TrimLeft(text, ">"), fromLine) && text[0] == '>' {
		text = text[1:] // mboxrd
	}
	s.content = append(append(s.content, text...), end...)
}

// end hands on the message that is complete.
func (s *splitter) end() error {
	s.n++
	if s.large {
		s.tooLarge = errors.Join(s.tooLarge, fmt.Errorf("message %d: %w: more than %d octets, left out", s.n, ErrTooLarge, s.limit))
		return nil
	}
	return s.do(Message{s.n, s.mbox, s.content})
}

// line reads one line with its end. Of one that exceeds the limit only the
// beginning is kept, and whole is false.
func (s *splitter) line() (line []byte, whole bool, err error) {
	whole = true
	for {
		piece, err := s.br.ReadSlice('\n')
		if whole = whole && len(line)+len(piece) <= s.limit; whole {
			line = append(line, piece...)
		} else if len(line) == 0 {
			line = append(line, piece[:min(len(piece), len(fromLine))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, whole, err
		}
	}
}
