package wire

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// plain frames content the slow way: cut at the first end, then look at each
// line. It returns -1 if there is no end.
func plain(in []byte) (content []byte, taken int, bad bool) {
	whole := append([]byte("\r\n"), in...)
	i := bytes.Index(whole, []byte("\r\n.\r\n"))
	if i < 0 {
		return nil, -1, false
	}
	for n, line := range strings.Split(string(whole[:i+2]), "\r\n")[1:] {
		if n > 0 {
			content = append(content, "\r\n"...)
		}
		content = append(content, strings.TrimPrefix(line, ".")...)
		bad = bad || strings.ContainsAny(line, "\r\n\x00")
	}
	return content, i + len(endOfData), bad
}

func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		".\r\n", "a\r\n.\r\n", "..a\r\n..\r\n.\r\nMAIL", "\r\r\n.\r\n.", "a\n.\n\r\n.\r\n", "\x00\r\n.\r\n", ".\r.\r\n\r\n.\r\n", "\xc3\xa4\r\n.\r\n", "abc",
	} {
		f.Add([]byte(seed), uint(1))
		f.Add([]byte(seed), uint(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint) {
		step = step%7 + 1
		s := newSpool(&Config{MemoryOctets: 1 << 20, MaxMessageOctets: 1 << 20})
		fr := framer{lineStart: true}
		var buffered []byte
		taken, end := 0, false
		for rest := in; !end && len(rest) > 0; {
			n := min(int(step), len(rest))
			buffered = append(buffered, rest[:n]...)
			rest = rest[n:]
			var m int
			m, end = fr.frame(buffered, s)
			taken += m
			buffered = buffered[m:]
			if !end && len(buffered) > len(endOfData)-1 {
				t.Fatalf("%d octets are held back", len(buffered))
			}
		}
		content, want, bad := plain(in)
		if end != (want >= 0) {
			t.Fatalf("end %t, want %t", end, want >= 0)
		}
		if !end {
			return
		}
		c := s.content(fr.eightBit)
		defer c.Close()
		got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size))
		if err != nil || !bytes.Equal(got, content) || taken != want || fr.bad != bad {
			t.Fatalf("content %q (bad %t, taken %d, %v), want %q (bad %t, taken %d)", got, fr.bad, taken, err, content, bad, want)
		}
		if c.SHA256 != sha256.Sum256(content) {
			t.Error("wrong hash")
		}
		eightBit := bytes.ContainsFunc(content, func(r rune) bool { return r >= 0x80 })
		if c.EightBit != eightBit {
			t.Errorf("eight bit %t, want %t", c.EightBit, eightBit)
		}
	})
}

// FuzzInput feeds a stream of commands in pieces: the lines must be the same
// however it is cut, and none may hold what a line cannot.
func FuzzInput(f *testing.F) {
	f.Add([]byte("NOOP\r\nRSET\r\n"), uint(1))
	f.Add([]byte(strings.Repeat("x", 600)+"\r\nNOOP\r\n"), uint(100))
	f.Add([]byte("NOOP\r\nRS\rET\r\n"), uint(3))
	f.Fuzz(func(t *testing.T, stream []byte, step uint) {
		read := func(step int) (lines []string) {
			var in input
			src := bytes.NewReader(stream)
			for {
				line, err := in.line(func() error {
					_, err := in.fill(io.LimitReader(src, int64(step)))
					return err
				})
				switch err {
				case nil:
					lines = append(lines, string(line))
				case errLineTooLong:
					lines = append(lines, "too long")
				default:
					return append(lines, err.Error())
				}
			}
		}
		whole, cut := read(len(stream)+1), read(int(step%1000)+1)
		if strings.Join(whole, "\n") != strings.Join(cut, "\n") {
			t.Fatalf("lines %q, in pieces %q", whole, cut)
		}
		for _, line := range whole[:len(whole)-1] {
			if len(line) > maxLineOctets-2 || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q", line)
			}
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		"MAIL FROM:<a@client.example> SIZE=1 BODY=8BITMIME", "MAIL FROM:<>", "mail from: <\"a b\"@client.example>",
		"RCPT TO:<postmaster>", "RCPT TO:<@a.example:b@example.com>", "RCPT TO:<\"v@o.example> X <q\"@example.com>",
		"EHLO client.example", "EHLO [IPv6:2001:db8::1]", "RCPT TO:<b@[192.0.2.1]>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		verb, arg := cutVerb(line)
		var cmd Command
		var refused *reply
		switch verb {
		case "EHLO", "HELO":
			if validHelo(arg) && !printable(arg) {
				t.Fatalf("EHLO name %q", arg)
			}
			return
		case "MAIL":
			cmd, refused = parseMail(arg, 1000)
		case "RCPT":
			cmd, refused = parseRcpt(arg)
		default:
			return
		}
		if refused != nil {
			return
		}
		if cmd.Size > 1000 || cmd.Size < 0 || !cmd.Path.IsASCII() {
			t.Fatalf("%q was taken as %+v", line, cmd)
		}
		forward := forServer(cmd.Path, "gate.example.com")
		if !printable(forward) || strings.ContainsAny(forward, " \"") || strings.Count(forward, "<")+strings.Count(forward, ">") != 2 {
			t.Fatalf("go-smtp would read %q", forward)
		}
		again, refused := parseRcpt("TO:<" + cmd.Path.String() + ">")
		if !cmd.Path.IsNull() && (refused != nil || again.Path != cmd.Path) {
			t.Fatalf("%+v is written as %q, which is %+v", cmd.Path, cmd.Path, again.Path)
		}
	})
}

func FuzzReplies(f *testing.F) {
	f.Add([]byte("250-one\r\n250 2.0.0 two\r\n"), uint(3))
	f.Add([]byte("550 no code\r\n"), uint(1))
	f.Add([]byte("451 5.1.1 wrong class\r\n"), uint(1))
	f.Fuzz(func(t *testing.T, written []byte, step uint) {
		var r replies
		var out []byte
		for len(written) > 0 {
			n := min(int(step%50)+1, len(written))
			if !r.take(written[:n], func(a *answer) { out = a.appendTo(out) }) {
				break
			}
			written = written[n:]
		}
		if len(out) == 0 {
			return
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\r\n"), "\r\n") {
			if !printable(line) || len(line) > 512-2 {
				t.Fatalf("line %q", line)
			}
			if class := line[0]; (class == '2' || class == '4' || class == '5') && (line[4] != class || line[5] != '.') {
				t.Fatalf("no enhanced code of its class in %q", line)
			}
		}
	})
}

// replay is a socket that gives the same content again and again.
type replay struct {
	net.Conn
	octets, rest []byte
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.rest = r.octets
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func benchmarkContent(b *testing.B, size int) {
	line := strings.Repeat("x", 74) + "\r\n"
	octets := []byte(strings.Repeat(line, size/len(line)) + endOfData)
	sock, other := net.Pipe()
	defer sock.Close()
	defer other.Close()
	l := &Listener{cfg: Config{Hostname: "gate.example.com", Admit: func(netip.Addr) Admission { return Admission{} }}}
	if err := l.cfg.complete(); err != nil {
		b.Fatal(err)
	}
	l.ctx = b.Context()
	src := &replay{Conn: sock, octets: octets}
	c := newConn(&link{l: l, raw: src}, src)
	b.SetBytes(int64(len(octets)))
	b.ReportAllocs()
	for b.Loop() {
		c.phase = inContent
		content, err := c.Content(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		content.Close()
	}
}

func BenchmarkContent4K(b *testing.B)   { benchmarkContent(b, 4<<10) }
func BenchmarkContent100K(b *testing.B) { benchmarkContent(b, 100<<10) }
func BenchmarkContent5M(b *testing.B)   { benchmarkContent(b, 5<<20) }
