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

var fromLine = []byte("From ")

// read splits an mbox, or takes the whole as one message when it does not start
// like an mbox.
func read(r io.Reader, do func(Message) error) error {
	br := bufio.NewReaderSize(r, 64<<10)
	start, err := br.Peek(len(fromLine))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	mbox := bytes.Equal(start, fromLine)
	var content []byte
	n, blank, inMessage := 0, true, !mbox
	for {
		line, err := readLine(br, MaxMessageOctets-len(content))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if mbox && blank && bytes.HasPrefix(line, fromLine) {
			if inMessage {
				n++
				if err := do(Message{n, true, content}); err != nil {
					return err
				}
			}
			content, inMessage, blank = nil, true, false
			continue
		}
		text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		blank = len(text) == 0
		if mbox && bytes.HasPrefix(bytes.TrimLeft(text, ">"), fromLine) && text[0] == '>' {
			text = text[1:] // mboxrd
		}
		content = append(content, text...)
		if len(text) < len(line) {
			content = append(content, '\r', '\n')
		}
		if err != nil {
			break
		}
	}
	if inMessage && len(content) > 0 {
		return do(Message{n + 1, mbox, content})
	}
	if n == 0 {
		return ErrNoMessage
	}
	return nil
}

// readLine reads one line of at most limit octets, with its end.
func readLine(br *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := br.ReadSlice('\n')
		if len(line)+len(piece) > limit {
			return nil, fmt.Errorf("%w: more than %d octets", ErrTooLarge, MaxMessageOctets)
		}
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
