package main

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible writes JSON with its invisible characters escaped: a terminal must not
// obey what a stranger has put into a name or a subject, such as to write from right
// to left. Nothing but strings of JSON holds such characters, so that what a program
// reads is the same. Each Write must hold whole characters, as json.Encoder's do.
type visible struct{ w io.Writer }

func (v visible) Write(text []byte) (int, error) {
	done := 0
	for i, width := 0, 0; i < len(text); i += width {
		var r rune
		if r, width = utf8.DecodeRune(text[i:]); r < utf8.RuneSelf || unicode.IsGraphic(r) {
			continue
		}
		if _, err := v.w.Write(text[done:i]); err != nil {
			return done, err
		}
		if err := escape(v.w, r); err != nil {
			return i, err
		}
		done = i + width
	}
	if _, err := v.w.Write(text[done:]); err != nil {
		return done, err
	}
	return len(text), nil
}

// escape writes r as JSON does, beyond 16 bits as two surrogates.
func escape(w io.Writer, r rune) (err error) {
	if a, b := utf16.EncodeRune(r); a != utf8.RuneError {
		_, err = fmt.Fprintf(w, `\u%04x\u%04x`, a, b)
	} else {
		_, err = fmt.Fprintf(w, `\u%04x`, r)
	}
	return err
}
