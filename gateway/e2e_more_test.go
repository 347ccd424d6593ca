package gateway

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxgate/gateway/config"
	"mxgate/gateway/smtptest"
)

// setting is a script with more of the world to choose: the tests of duties look
// at what the next hop, DNS and the log see.
type setting struct {
	script
	zone  string               // more of what DNS says
	hosts []smtptest.Options   // of the next hop "mail"; none: the usual sink
	keys  string               // more keys of the [[next_hop]] "mail"
	unix  bool                 // the hosts listen on Unix sockets
	edit  func(string) string  // of the whole configuration
	cfg   func(*config.Config) // what no text of a configuration says
	tune  func(*Server)        // before it serves
	log   io.Writer
}

// newSetting is newStage for s. sinks are the hosts of "mail"; the first is also
// the sink of the stage.
func newSetting(t *testing.T, s setting) (g *stage, sinks []*smtptest.Sink) {
	t.Helper()
	g = &stage{t: t, served: make(chan error, 1)}
	if len(s.hosts) == 0 {
		s.hosts = []smtptest.Options{{}}
	}
	var targets []string
	for i, o := range s.hosts {
		if i == 0 && o.Reply == nil {
			o.Reply = g.sinkReply
		}
		at := "127.0.0.1:0"
		if s.unix {
			at = "unix:" + filepath.Join(t.TempDir(), "s")
		}
		sink, err := smtptest.Start(at, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sink.Close)
		sinks, targets = append(sinks, sink), append(targets, fmt.Sprintf("%q", sink.Target()))
	}
	g.sink = sinks[0]
	g.resolve(stageZone + s.zone)
	s.dataDir = filepath.Join(t.TempDir(), "data")
	if s.nextHop == "" {
		s.nextHop = "mail"
		s.tail += "\n[[next_hop]]\nname = \"mail\"\nhosts = [" + strings.Join(targets, ", ") + "]\n" + s.keys
	}
	text := stageConfig(s.script, s.nextHop, g.dns.Addr().String())
	if s.edit != nil {
		text = s.edit(text)
	}
	g.configure(text)
	if s.cfg != nil {
		s.cfg(g.cfg)
	}
	if s.log == nil {
		s.log = io.Discard
	}
	var tune []func(*Server)
	if s.tune != nil {
		tune = append(tune, s.tune)
	}
	g.serve(slog.NewJSONHandler(s.log, nil), tune...)
	t.Cleanup(func() {
		g.end()
		for _, sink := range sinks[1:] {
			for _, v := range sink.Violations() {
				t.Errorf("another host of the next hop complains: %s", v)
			}
		}
	})
	return g, sinks
}

// replacing is an edit that replaces old, which must be there.
func replacing(t *testing.T, old, new string) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in the configuration", old)
		}
		return strings.Replace(text, old, new, 1)
	}
}

// lines is what a log wrote.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually waits until is reports true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// must asks and fails unless the reply begins with want.
func (c *talk) must(t *testing.T, line, want string) string {
	t.Helper()
	reply, err := c.ask(line)
	if err != nil || !strings.HasPrefix(reply, want) {
		t.Fatalf("%.80q was answered %q, %v; want %q", line, reply, err, want)
	}
	return reply
}

// send ends DATA with content and returns the reply.
func (c *talk) send(t *testing.T, content string) string {
	t.Helper()
	return c.must(t, stuffed(content)+".", "")
}

// offered is what EHLO announces, each extension with a space behind it.
func (c *talk) offered(t *testing.T) string {
	t.Helper()
	if _, err := io.WriteString(c.conn, "EHLO mx1.provider.example\r\n"); err != nil {
		t.Fatal(err)
	}
	all := ""
	for {
		line, err := c.r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "250") {
			t.Fatalf("EHLO was answered %q, %v", line, err)
		}
		all += strings.TrimRight(line[4:], "\r\n") + " \n"
		if line[3] == ' ' {
			return all
		}
	}
}

// silent fails if the gateway says something within a moment.
func (c *talk) silent(t *testing.T) {
	t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := c.r.Peek(1); err == nil {
		rest, _ := c.r.ReadString('\n')
		t.Errorf("said before its time: %q %q", b, rest)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

// dialFrom opens a session from another address of this machine.
func dialFrom(t *testing.T, from, to string) *talk {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &talk{conn, bufio.NewReader(conn)}
}

// only is the one message at the next hop.
func (g *stage) only() smtptest.Message {
	g.t.Helper()
	all := g.sink.Messages()
	if len(all) != 1 {
		g.t.Fatalf("%d messages at the next hop, want 1: %v", len(all), all)
	}
	return all[0]
}

// signed is content with a DKIM signature of domain in front, and the record
// that it is verified with.
func signed(t *testing.T, domain, content string) (text, record string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dkim.Sign(&out, strings.NewReader(content), &dkim.SignOptions{Domain: domain, Selector: "sel", Signer: private}); err != nil {
		t.Fatal(err)
	}
	return out.String(), "\nsel._domainkey." + domain + " TXT \"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public) + "\"\n"
}

func mustAddr(text string) netip.Addr { return netip.MustParseAddr(text) }

// theMail and theSpoof are the same at each use: their dates do not move.
var theMail, theSpoof = cleanMail(), spoofMail()
