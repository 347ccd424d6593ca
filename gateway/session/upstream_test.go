package session_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// bare is a go-smtp session without wire, which takes everything.
type bare struct {
	from, to []string
	data     []string
	done     chan struct{}
}

func (b *bare) NewSession(*smtp.Conn) (smtp.Session, error) { return b, nil }
func (b *bare) Reset()                                      {}
func (b *bare) Logout() error                               { close(b.done); return nil }

func (b *bare) Mail(from string, _ *smtp.MailOptions) error {
	b.from = append(b.from, from)
	return nil
}

func (b *bare) Rcpt(to string, _ *smtp.RcptOptions) error {
	b.to = append(b.to, to)
	return nil
}

func (b *bare) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	b.data = append(b.data, string(data))
	return err
}

// TestUpstreamDefects plays against go-smtp alone what wire holds away from it.
// A defect that is gone fails the test: after an upgrade it says which rule of
// wire has lost its reason. Numbers are those of LIBRARIES.md.
func TestUpstreamDefects(t *testing.T) {
	const hello = "EHLO client.example\r\n"
	const envelope = hello + "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.com>\r\n"
	for _, tc := range []struct {
		name, sent string
		defect     func(b *bare, replies string) bool
	}{
		{"S2: a chunk that is cut is a whole message", envelope + "BDAT 1000 LAST\r\nshort",
			func(b *bare, replies string) bool { return strings.Contains(replies, "queued") }},
		{"S5: CR CR LF . CR LF is not the end", envelope + "DATA\r\nx\r\r\n.\r\nNOOP\r\n",
			func(b *bare, replies string) bool { return !strings.Contains(replies, "queued") }},
		{"S8: a message of exactly the limit is too large", envelope + "DATA\r\n" + strings.Repeat("x", 998) + "\r\n.\r\n",
			func(b *bare, replies string) bool { return strings.Contains(replies, "552 5.3.4") }},
		{"S10: commands without number", hello + strings.Repeat("NOOP\r\n", 300) + "NOOP\r\n",
			func(b *bare, replies string) bool { return strings.Count(replies, "successfully done nothing") == 301 }},
		{"S12: MAIL twice", hello + "MAIL FROM:<a@client.example>\r\nMAIL FROM:<c@client.example>\r\n",
			func(b *bare, replies string) bool { return len(b.from) == 2 }},
		{"S13: a quoted local part loses its quotes", hello + "MAIL FROM:<\"v@other.example> NOTIFY=NEVER <q\"@client.example>\r\n",
			func(b *bare, replies string) bool {
				return len(b.from) == 1 && strings.HasPrefix(b.from[0], "v@other.example>")
			}},
		{"S14: what is no address is taken", hello + "MAIL FROM:<a@b@c\x01>\r\n",
			func(b *bare, replies string) bool { return len(b.from) == 1 }},
		{"S15: postmaster without a domain is refused", hello + "MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n",
			func(b *bare, replies string) bool { return len(b.to) == 0 }},
		{"S18: half a line is executed", hello + "MAIL FROM:<a@client.example>",
			func(b *bare, replies string) bool { return len(b.from) == 1 }},
		{"S21: any EHLO name is taken", "EHLO <script>\x01\r\n",
			func(b *bare, replies string) bool { return strings.Contains(replies, "250-Hello <script>") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &bare{done: make(chan struct{})}
			server := smtp.NewServer(b)
			server.MaxMessageBytes = 1000
			server.ReadTimeout = time.Minute
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error)
			go func() { served <- server.Serve(l) }()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tc.sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			replies, err := io.ReadAll(bufio.NewReader(conn))
			if err != nil {
				t.Fatal(err)
			}
			<-b.done
			if !tc.defect(b, string(replies)) {
				t.Errorf("the defect is gone: %q, %q, %q, %q", b.from, b.to, b.data, replies)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
