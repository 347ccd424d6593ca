package mail

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) *Message {
	t.Helper()
	m, err := ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// nestedMultipart builds a message of the given multipart depth.
func nestedMultipart(depth int) string {
	var b strings.Builder
	b.WriteString("From: a@example.org\r\n")
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%dx\r\n\r\n--b%dx\r\n", i, i)
	}
	b.WriteString("\r\ntext\r\n")
	return b.String()
}

// parts is a multipart message that begins with the given parts.
func parts(text string) string {
	return "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + text
}

func TestWalkMIME(t *testing.T) {
	many := "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\npart\r\n", MaxMIMEParts+1)
	for _, c := range []struct {
		name, text  string
		unscannable bool
	}{
		{"a message without MIME is fine", "Subject: x\r\n\r\nbody\r\n", false},
		{"a message without a body is fine", "Subject: x\r\n", false},
		{"an ordinary multipart is fine", "Content-Type: multipart/alternative; boundary=\"a b\"\r\n\r\n--a b\r\n\r\nx\r\n--a b--\r\n", false},
		{"the deepest allowed structure is fine", nestedMultipart(MaxMIMEDepth), false},
		{"one level more is unscannable", nestedMultipart(MaxMIMEDepth + 1), true},
		{"300 levels are unscannable", nestedMultipart(300), true},
		{"nested message/rfc822 count too", strings.Repeat("Content-Type: message/rfc822\r\n\r\n", MaxMIMEDepth+1) + "x\r\n", true},
		{"too many parts are unscannable", many, true},
		{"boundaries among lines of dashes count", "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("-\r\n--\r\n--xy\r\n-x\r\n--x \t\r\n\r\npart\r\n", MaxMIMEParts+1), true},
		{"boundaries without CR count", "Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("-\n--x\n\npart\n", MaxMIMEParts+1), true},
		{"what only begins like a boundary does not", "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--xy\r\n--x-\r\n-x\r\n\r\n", MaxMIMEParts+1), false},
		{"a boundary that is closed and used again does not add depth", "Content-Type: multipart/mixed; boundary=o\r\n\r\n" +
			strings.Repeat("--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n", 200), false},
		{"an outer boundary closes the inner multipart", "Content-Type: multipart/mixed; boundary=o\r\n\r\n" +
			strings.Repeat("--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n", 200), false},
		{"two boundaries contradict each other", "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n", true},
		{"two Content-Type fields contradict each other", "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n", true},
		{"two Content-Type fields of a part contradict each other", parts("Content-Type: text/plain\r\nX: y\r\nContent-Type: text/plain\r\n\r\nx\r\n"), true},
		{"the second Content-Type is enough", parts("Content-Type: a\r\nContent-Type: b"), true},
		{"the longest Content-Type is fine", parts("Content-Type: " + strings.Repeat("x", maxContentType-1) + "\r\n\r\n"), false},
		{"a longer one is unscannable", parts("Content-Type: " + strings.Repeat("x", maxContentType) + "\r\n\r\n"), true},
		{"a longer one is unscannable in the message itself", "Content-Type: " + strings.Repeat("x", maxContentType+1) + "\r\n\r\n", true},
		{"one longer than the buffer is unscannable", parts("Content-Type: " + strings.Repeat("x", 100<<10) + "\r\n\r\n"), true},
		{"one made long by folding is unscannable", parts("Content-Type: x\r\n" + strings.Repeat(" x\r\n", maxContentType/2) + "\r\n"), true},
		{"a header section of a part without end is unscannable", parts(strings.Repeat("X: y\r\n", MaxHeaderOctets/6+1)), true},
		{"a field of a part without end is unscannable", parts("X: " + strings.Repeat("y", MaxHeaderOctets)), true},
		{"a long header section of a part is fine", parts(strings.Repeat("X: y\r\n", MaxHeaderOctets/6-1) + "\r\n"), false},
		{"header sections are counted one by one", parts(strings.Repeat(strings.Repeat("X: y\r\n", MaxHeaderOctets/12)+"\r\n--x\r\n", 3)), false},
		{"a message within, encoded against the rules, has no header section", parts("Content-Type: message/rfc822\r\n\r\n" + strings.Repeat("YWJj\r\n", MaxHeaderOctets/6+1)), false},
		{"a Content-Type the standard parser refuses is still followed", "Content-Type: multipart/mixed; boundary=\"x\r\n\r\n" + strings.Repeat("--x\r\n\r\npart\r\n", MaxMIMEParts+1), true},
		{"a folded Content-Type is read", "Content-Type: multipart/mixed;\r\n\tboundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\npart\r\n", MaxMIMEParts+1), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := WalkMIME(parse(t, c.text)); errors.Is(err, ErrUnscannable) != c.unscannable || err != nil && !c.unscannable {
				t.Errorf("WalkMIME: %v, want unscannable %v", err, c.unscannable)
			}
		})
	}
}

// A hostile body must not cost memory in proportion to its size.
func TestWalkMIMEHoldsLittle(t *testing.T) {
	for name, unit := range map[string]string{
		"Content-Type fields": "Content-Type: a\r\n", "empty ones": "Content-Type:\r\n", "continuations": " x\r\n", "parts": "--x\r\nContent-Type: a\r\n\r\n",
		"nested multiparts": "--x\r\nContent-Type: multipart/a; boundary=x\r\n\r\n", "junk": "a\r\n", "one line": "a", "fields": "a:\r\n",
	} {
		m := parse(t, parts("Content-Type: a\r\n"+strings.Repeat(unit, (4<<20)/len(unit))))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := WalkMIME(m)
		runtime.ReadMemStats(&after)
		// What is freed again counts too, so this is an upper bound.
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
			t.Errorf("4 MiB of %s allocate %d octets (%v)", name, spent, err)
		}
	}
}

func FuzzWalkMIME(f *testing.F) {
	f.Add(nestedMultipart(3))
	f.Add("Content-Type: MULTIPART/x; İ boundary=\"x\r\n\r\n--x\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMessage(strings.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		if _, err := WalkMIME(m); err != nil && !errors.Is(err, ErrUnscannable) {
			t.Errorf("an error of reading from memory: %v", err)
		}
	})
}

// WalkMIME does not read a type without these words: what it would find there is
// nothing to act on.
func TestATypeWithoutTheWordsHoldsNothing(t *testing.T) {
	pieces := []string{"boundary", "BOUNDary", "message", "MESSage", "rfc822", "multipart", "text", "/", ";", "=", "*0", "*", "%62", "a", `"`, "(c)", " ", "\t", "utf-8''", "\u212a", "\x00", "e", "m"}
	r := rand.New(rand.NewPCG(1, 2))
	skipped := 0
	for range 100_000 {
		value := ""
		for range 1 + r.IntN(10) {
			value += pieces[r.IntN(len(pieces))]
		}
		if hasWord([]byte(value), "boundary") || hasWord([]byte(value), "message") {
			continue
		}
		skipped++
		kind, boundary, err := mediaType(value)
		if err != nil || boundary != "" || strings.HasPrefix(kind, "message/") {
			t.Fatalf("%q: %q, %q, %v", value, kind, boundary, err)
		}
	}
	if skipped < 10_000 {
		t.Fatalf("only %d types were without", skipped)
	}
	for text, want := range map[string]bool{"": false, "boundar": false, "boundary": true, "bbOUNDARY=": true, "x boundar": false, "b oundary": false} {
		if hasWord([]byte(text), "boundary") != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
