package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/wire"
	"mxgate/policy/corpustest"
)

func TestDuty_C2_S18(t *testing.T) {
	for _, line := range []string{
		"NOOP\nMAIL FROM:<a@client.example>\r\n",
		"NOOP\rMAIL FROM:<a@client.example>\r\n",
		"NOOP\r\r\n",
		"NO\x00OP\r\n",
		"\x16\x03\x01\x02\x00", // a TLS hello in clear; no line end will come
		"MAIL FROM:<a\x00@client.example>\r\n",
		strings.Repeat("x", 3000) + "\n",
	} {
		s := start(t, nil)
		c := s.open(t)
		c.send("NOOP\r\n" + line + "MAIL FROM:<b@client.example>\r\n")
		c.expect("250 2.0.0", "501 5.5.2", "EOF")
		if len(s.seen()) > 0 {
			t.Errorf("%q: at the gate %q", line, s.seen())
		}
	}
}

func TestS18_AHalfLineIsNotExecuted(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	c.send("MAIL FROM:<a@client.example>\r\nRCPT TO:<victim@example.com>")
	c.expect("250")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expect("EOF")
	if got := s.seen(); len(got) != 2 || got[1] != "ABORT cut" {
		t.Errorf("at the gate %q", got)
	}
}

// lateListener holds a connection back until it is told to accept.
type lateListener struct {
	net.Listener
	accept chan struct{}
}

func (l lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		<-l.accept
	}
	return c, err
}

func TestDuty_C3_BeforeTheBanner_S22(t *testing.T) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := lateListener{in, make(chan struct{})}
	s := start(t, nil, late)
	c := s.dial(t)
	c.send("EHLO client.example\r\n")
	close(late.accept)
	c.expect("554 5.5.0", "EOF")
	if st := s.l.Stats(); st.Early != 1 || st.Active != 0 {
		t.Errorf("counted %+v", st)
	}
}

// smuggle sends a content with seq where an end of data might be seen, then a
// second transaction, and checks that there is one content and it is refused.
func smuggle(t *testing.T, seq string) {
	t.Helper()
	s := start(t, nil)
	c := s.open(t)
	c.mail()
	c.send("Subject: one\r\n\r\nbefore" + seq +
		"MAIL FROM:<admin@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\n\r\n.\r\n")
	c.expect("554 5.5.2", "EOF")
	want := []string{"REFUSED " + wire.ErrBadFraming.Error()}
	if got := s.seen()[2:]; !slices.Equal(got, want) {
		t.Errorf("at the gate %q, want %q", got, want)
	}
}

func TestDuty_F2_SmugglingCorpus(t *testing.T) {
	data, err := os.ReadFile(corpustest.Path(t, "smtp/smuggling-sequences.json"))
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct {
		Sequences []struct {
			Name string
			Hex  string `json:"bytes_hex"`
		}
	}
	if err := json.Unmarshal(data, &corpus); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, seq := range corpus.Sequences {
		raw, err := hex.DecodeString(seq.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if t.Run(seq.Name, func(t *testing.T) { smuggle(t, string(raw)) }) {
			passed++
		}
	}
	t.Logf("passed %d/%d", passed, len(corpus.Sequences))
	if len(corpus.Sequences) < 12 {
		t.Errorf("only %d sequences in the corpus", len(corpus.Sequences))
	}
}

func TestS5_CRBeforeTheEndIsNoReasonToMissIt(t *testing.T) {
	for _, content := range []string{"..x\r\r\n.\r\n", "\r\r\n.\r\n", "x\n\r\n.\r\n", "\x00\r\n.\r\n"} {
		c := start(t, nil).open(t)
		c.mail()
		c.send(content)
		c.expect("554 5.5.2", "EOF")
	}
}

func TestDuty_F3_Wire_ContentIsWhatWasSent(t *testing.T) {
	long := strings.Repeat("0123456789", 300)
	for _, tc := range []struct{ name, sent, want string }{
		{"empty", ".\r\n", ""},
		{"an empty line", "\r\n.\r\n", "\r\n"},
		{"stuffed dots", "..\r\n...a\r\n.b\r\n.\r\n", ".\r\n..a\r\nb\r\n"},
		{"a long line: S7", long + "\r\n.\r\n", long + "\r\n"},
		{"200 KB: memory in several blocks", strings.Repeat("..text\r\n", 25000) + ".\r\n", strings.Repeat(".text\r\n", 25000)},
		{"2 MB: a spool file", strings.Repeat(long+"\r\n", 700) + ".\r\n", strings.Repeat(long+"\r\n", 700)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, nil)
			c := s.open(t)
			c.mail()
			c.send(tc.sent)
			c.expect("250 2.0.0 Taken")
			c.mail() // the session goes on
			c.send(tc.sent)
			c.expect("250 2.0.0 Taken")
			for _, got := range s.contents() {
				if got != tc.want {
					t.Errorf("content %.60q (%d octets), want %.60q (%d octets)", got, len(got), tc.want, len(tc.want))
				}
			}
		})
	}
}

func TestEightBitContentIsSeen(t *testing.T) {
	s := start(t, nil)
	c := s.open(t)
	c.mail()
	c.send("plain text and then Grüße\r\n.\r\n")
	c.expect("250")
	if got := s.seen()[2]; !strings.HasSuffix(got, "eightbit=true") {
		t.Errorf("at the gate %q", got)
	}
}

func TestContentThatIsCutIsNoMessage(t *testing.T) {
	for _, sent := range []string{"", "a line\r\n", "a line\r\n.", "a line\r\n.\r"} {
		s := start(t, nil)
		c := s.open(t)
		c.mail()
		c.send(sent)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.expect("451 4.4.2", "EOF")
		// It has half closed: whether it reads cannot be known, so it is not counted on.
		if got, want := s.seen()[2:], []string{"REFUSED " + wire.ErrCut.Error(), "UNREAD"}; !slices.Equal(got, want) {
			t.Errorf("at the gate %q", got)
		}
	}
}

func TestS3_TLSThatIsClosedInsideContentIsACut(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.TLSConfig = serverTLS() })
	c := s.open(t)
	c.send("STARTTLS\r\n")
	c.expect("220")
	c.startTLS()
	c.ehlo()
	c.mail()
	c.send("half a mess")
	c.Close() // close_notify
	if err := s.l.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Whether the answer is UNREAD depends on what comes first, the end of the
	// socket or our answer.
	if got := s.seen(); got[2] != "REFUSED "+wire.ErrCut.Error() {
		t.Errorf("at the gate %q", got)
	}
}

func TestADiskThatFailsIsATemporaryRefusal(t *testing.T) {
	s := start(t, func(cfg *wire.Config) {
		cfg.MemoryOctets = 100
		cfg.SpoolDir = filepath.Join(cfg.SpoolDir, "missing")
	})
	c := s.open(t)
	c.mail()
	c.send(strings.Repeat("a line\r\n", 1000) + ".\r\n")
	c.expect("452 4.3.1")
	c.mail()
	c.send("small\r\n.\r\n")
	c.expect("250")
}

func TestDuty_F4_TooLittleSpoolSpace(t *testing.T) {
	s := start(t, nil)
	var free atomic.Uint64
	s.l.SetSpace(func(string) (uint64, error) { return free.Load(), nil })
	c := s.open(t)
	c.send("MAIL FROM:<a@client.example> SIZE=20000000\r\n")
	c.expect("452 4.3.1")
	free.Store(1 << 30)
	c.send("MAIL FROM:<a@client.example> SIZE=20000000\r\n")
	c.expect("250")
}

// What a client declares of the size binds nobody: the disk is looked at while the
// content comes.
func TestDuty_F4_SpoolSpaceThatGoesWhileContentComes(t *testing.T) {
	const spare = 64 << 20
	s := start(t, func(cfg *wire.Config) { cfg.MemoryOctets = 64 << 10 })
	var free atomic.Int64
	var dir atomic.Value
	s.l.SetSpace(func(d string) (uint64, error) {
		dir.Store(d)
		// Each look finds 1 MiB less.
		return uint64(free.Add(-1 << 20)), nil
	})
	c := s.open(t)
	for _, tc := range []struct {
		free  int64
		reply string
	}{{spare + 10<<20, "250 2.0.0 Taken"}, {spare + 5<<20, "452 4.3.1"}, {spare, "452 4.3.1"}} {
		free.Store(tc.free)
		c.mail() // without SIZE
		c.send(strings.Repeat(strings.Repeat("x", 126)+"\r\n", 5<<20/128) + ".\r\n")
		c.expect(tc.reply)
	}
	if left, err := os.ReadDir(dir.Load().(string)); err != nil || len(left) > 0 {
		t.Errorf("%d files left in the spool, %v", len(left), err)
	}
	want := "REFUSED " + wire.ErrSpool.Error()
	if got := s.seen(); got[5] != want || got[8] != want {
		t.Errorf("at the gate %q", got)
	}
	c.mail()
	c.send("small\r\n.\r\n")
	c.expect("250")
}

// What MAIL declares decides where content goes once it is no longer small, for this
// transaction alone.
func TestContentThatMemoryIsTooSmallForIsWrittenAtOnce(t *testing.T) {
	s := start(t, func(cfg *wire.Config) { cfg.MemoryOctets, cfg.MemoryOctetsTotal = 1<<20, 1<<20 })
	c := s.open(t)
	text := strings.Repeat(strings.Repeat("x", 126)+"\r\n", 100<<10/128)
	for _, tc := range []struct {
		size    string
		spooled int64
	}{{"", 0}, {" SIZE=102400", 0}, {" SIZE=2000000", 1}, {"", 1}} {
		c.send("MAIL FROM:<a@client.example>" + tc.size + "\r\n")
		c.expect("250")
		c.send("RCPT TO:<b@example.com>\r\nDATA\r\n")
		c.expect("250")
		c.expect("354")
		c.send(text + ".\r\n")
		c.expect("250 2.0.0 Taken")
		if n := s.l.Stats().Spooled; n != tc.spooled {
			t.Errorf("after MAIL with %q %d contents were written, want %d", tc.size, n, tc.spooled)
		}
	}
}

// writes counts the packets a server sends.
type writes struct {
	net.Conn
	n *atomic.Int64
}

func (w writes) Write(p []byte) (int, error) {
	w.n.Add(1)
	return w.Conn.Write(p)
}

type countingListener struct {
	net.Listener
	n *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return writes{c, l.n}, err
}

func TestRepliesToAGroupAreOnePacket(t *testing.T) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	s := start(t, nil, countingListener{in, &n})
	c := s.open(t)
	before := n.Load()
	c.mail()
	if got := n.Load() - before; got != 1 {
		t.Errorf("MAIL, RCPT and DATA were answered in %d packets", got)
	}
}

func TestContentCannotBeReadAfterClose(t *testing.T) {
	s := start(t, nil)
	kept := make(chan *wire.Content, 1)
	s.keep = func(c *wire.Content) { kept <- c }
	c := s.open(t)
	c.mail()
	c.send("private\r\n.\r\n")
	c.expect("250")
	c.send("QUIT\r\n")
	c.expect("221", "EOF")
	if _, err := (<-kept).ReadAt(make([]byte, 7), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAt after Close: %v", err)
	}
}

func TestContentReadsLikeAnyReaderAt(t *testing.T) {
	s := start(t, nil)
	sent := bytes.Repeat([]byte("0123456789abcde\n"), 10000)
	sent = bytes.ReplaceAll(sent, []byte("e\n"), []byte("\r\n"))
	s.keep = func(c *wire.Content) {
		for _, off := range []int64{0, 1, 8191, 8192, 8193, 65535, 65536, 131071, c.Size - 1, c.Size} {
			p := make([]byte, 70000)
			n, err := c.ReadAt(p, off)
			want := sent[off:min(off+70000, int64(len(sent)))]
			if !bytes.Equal(p[:n], want) || (n < len(p)) != (err == io.EOF) {
				s.note("CONTENT UNREADABLE: at %d: %d octets, %v", off, n, err)
			}
		}
	}
	c := s.open(t)
	c.mail()
	c.send(string(sent) + ".\r\n")
	c.expect("250")
}

func TestCleanSpoolTakesOnlyItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "spool")
	if err := wire.CleanSpool(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mxgate-content-123.spool", "precious"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := wire.CleanSpool(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "precious" {
		t.Errorf("left %v, %v", entries, err)
	}
}

// careless is a go-smtp backend that answers content without taking it.
type careless struct{ events chan string }

func (b careless) NewSession(*smtp.Conn) (smtp.Session, error) { return b, nil }
func (b careless) Reset()                                      {}
func (b careless) Logout() error                               { return nil }
func (b careless) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (b careless) Data(io.Reader) error                        { return nil }

func (b careless) Mail(from string, _ *smtp.MailOptions) error {
	b.events <- from
	return nil
}

func TestContentThatNobodyTookIsNeverReadAsCommands(t *testing.T) {
	l, err := wire.Listen("127.0.0.1:0", wire.Config{Hostname: hostname, Admit: admitAll})
	if err != nil {
		t.Fatal(err)
	}
	b := careless{make(chan string, 10)}
	served := make(chan error)
	go func() { served <- smtp.NewServer(b).Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, conn)
	c.expect("220")
	c.ehlo()
	c.mail()
	c.send("MAIL FROM:<forged@example.com>\r\n.\r\n")
	c.expect("421 4.3.0", "EOF")
	if err := l.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	if len(b.events) != 1 {
		t.Errorf("%d MAIL commands", len(b.events))
	}
}
