//go:build interop

package gateway_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
)

// letter is one message to be handed to the provider.
type letter struct {
	id          string // goes into the forward-path: <bob+ID@example.com>
	name        string // for people: the file, or what is odd about it
	reversePath string
	client      netip.Addr // who hands it to the provider; zero: the provider is not told
	helo        string
	content     []byte
	want        string // what must become of it, as in fate; "" if anything may
}

// corpusLetters reads ham or phish of the shared corpora, or skips the test: in
// CI too, for they are not ours to copy.
func corpusLetters(t *testing.T, kind string) []letter {
	t.Helper()
	letters := readCorpus(t, kind)
	if letters == nil {
		t.Skip("shared corpora not found; set MXGATE_CORPORA")
	}
	return letters
}

// readCorpus returns nil if there are no corpora. Phish comes from the address
// and reverse-path that its index names.
func readCorpus(t *testing.T, kind string) []letter {
	t.Helper()
	dir, ok := corpustest.Find(t, "mail/"+kind)
	if !ok {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil || len(files) == 0 {
		return nil
	}
	slices.Sort(files)
	index := readIndex(t, filepath.Join(dir, "index.tsv"))
	var letters []letter
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		l := letter{id: fmt.Sprintf("%s-%04d", kind, i+1), name: name, content: crlf(text),
			reversePath: "sender@sender.test", client: netip.AddrFrom4([4]byte{198, 51, 100, byte(i%254 + 1)})}
		if row := index[name]; kind == "phish" {
			l.client, _ = netip.ParseAddr(row["sender_ip"]) // anonymised in some: then nobody knows
			l.reversePath = ""
			if domain := row["mailfrom"]; domain != "" {
				l.reversePath = "bounce@" + domain
			}
			l.helo = row["received_spf_helo"]
		}
		letters = append(letters, l)
	}
	return letters
}

// readIndex reads a table with a line of column names, by its first column.
func readIndex(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]map[string]string{}
	for _, row := range rows[1:] {
		index[row[0]] = map[string]string{}
		for i, column := range rows[0] {
			index[row[0]][column] = row[i]
		}
	}
	return index
}

// crlf gives every line its CRLF, as a client must before it sends.
func crlf(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

// oddLetters are messages with one peculiarity each, and what must become of
// them when DNS knows nothing.
func oddLetters() []letter {
	const head = "From: Carol <carol@sender.test>\r\nTo: bob@example.com\r\nSubject: odd\r\nMessage-ID: <odd@sender.test>\r\n"
	field := func(line string) string { return head + line + "\r\n\r\nText.\r\n" }
	from := func(value string) string {
		return "From: " + value + "\r\nTo: bob@example.com\r\nSubject: odd\r\n\r\nText.\r\n"
	}
	texts := []struct{ name, text, want string }{
		{"nothing odd", head + "\r\nText.\r\n", "relayed dmarc-none-weak"},
		{"an empty body", head + "\r\n", "relayed dmarc-none-weak"},
		{"dots at the start of lines", head + "\r\n.\r\n..\r\n.dot\r\n...\r\n\r\n.\r\n", "relayed dmarc-none-weak"},
		{"empty lines at the end", head + "\r\nText.\r\n\r\n\r\n\r\n", "relayed dmarc-none-weak"},
		{"8-bit in header and body", field("X-Name: Sch\xf6n \xc3\xa4"), "relayed dmarc-none-weak"},
		{"every octet that a line may hold", head + "\r\n" + everyOctet() + "\r\n", "relayed dmarc-none-weak"},
		{"a line of 40,000 octets", head + "\r\n" + strings.Repeat("0123456789", 4000) + "\r\n", "relayed dmarc-none-weak"},
		{"3 MB, more than memory holds", head + "\r\n" + strings.Repeat("A line of a large message, thirty-nine.\r\n", 75000), "relayed dmarc-none-weak"},
		{"forged fields of ours", field("X-Mxgate-Verdict: relay; reason=clean\r\nx-mxgate-released: yes,\r\n\tfolded\r\nX-MXGATE-: empty\r\nX-Mxgate: not ours"), "relayed dmarc-none-weak"},
		{"forged results in our name", field("Authentication-Results: gate.example.com; dmarc=pass\r\nAUTHENTICATION-RESULTS:\r\n\tGate.Example.COM 1; spf=pass\r\nAuthentication-Results: other.example; dkim=pass\r\nAuthentication-Results: gate.example.com.evil.example; spf=pass"), "relayed dmarc-none-weak"},
		{"white space before the colon", field("X-Mxgate-Why : because\r\nAuthentication-Results\t: gate.example.com; spf=pass"), "relayed dmarc-none-weak"},
		{"our own domain", from("Bob <bob@example.com>"), "quarantined own-domain-spoof"},
		{"a domain like ours", from("Bob <bob@exarnple.com>"), "quarantined lookalike"},
		{"no From", "To: bob@example.com\r\nSubject: odd\r\n\r\nText.\r\n", "quarantined from-ambiguous"},
		{"two From", from("a@sender.test\r\nFrom: b@writer.test"), "quarantined from-ambiguous"},
		{"parts nested 300 deep", deepMIME(300), "quarantined unscannable"},
		{"110 Received", strings.Repeat("Received: from a.example by b.example; Mon, 2 Nov 2026 09:00:00 +0000\r\n", 110) + head + "\r\nText.\r\n", "refused 554 5.4.6"},
		{"a field of 2 MB", field("X-Long: " + strings.Repeat("long words\r\n ", 180000) + "end"), "refused 554 5.6.0"},
		{"a NUL", head + "\r\nText\x00.\r\n", "refused 554 5.5.2"},
		{"a bare CR", head + "\r\nText\r.\r\n", "refused 554 5.5.2"},
	}
	var letters []letter
	for i, o := range texts {
		letters = append(letters, letter{id: fmt.Sprintf("odd-%04d", i+1), name: o.name, reversePath: "carol@sender.test",
			client: netip.MustParseAddr("198.51.100.7"), content: []byte(o.text), want: o.want})
	}
	return append(letters, letter{id: "nobody-0001", name: "a user the next hop does not know", reversePath: "carol@sender.test",
		client: netip.MustParseAddr("198.51.100.8"), content: []byte(head + "\r\nText.\r\n"), want: "refused 550 5.1.1"})
}

// everyOctet is a line of all octets but NUL, CR and LF.
func everyOctet() string {
	var b strings.Builder
	for i := 1; i < 256; i++ {
		if i != '\r' && i != '\n' {
			b.WriteByte(byte(i))
		}
	}
	return b.String()
}

func deepMIME(levels int) string {
	var b strings.Builder
	b.WriteString("From: carol@sender.test\r\nTo: bob@example.com\r\nSubject: odd\r\nMIME-Version: 1.0\r\n")
	for i := range levels {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	b.WriteString("Content-Type: text/plain\r\n\r\nText.\r\n")
	for i := levels - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "--b%d--\r\n", i)
	}
	return b.String()
}

// randomLetters are n messages of chance content, the same in every run.
func randomLetters(n int) []letter {
	r := rand.New(rand.NewPCG(2, 5321))
	words := []string{"Meeting", "invoice", ".", "..", "From", "--", "a.b@writer.test", "Gr\xc3\xbc\xc3\x9fe", "\xff\xfe", "=20", "\t", "X-Mxgate-Verdict:", ":"}
	line := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(words[r.IntN(len(words))])
			if r.IntN(5) > 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	var letters []letter
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, "From: Carol <carol%d@sender.test>\r\n", i)
		for j := range r.IntN(30) {
			fmt.Fprintf(&b, "%s-%d: %s\r\n", []string{"X-Field", "Received", "X-Mxgate-Mark", "Authentication-Results", "List-Id"}[r.IntN(5)], j, line())
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, "\tx%s\r\n", line())
			}
		}
		b.WriteString("\r\n")
		for range r.IntN(300) {
			b.WriteString(line() + "\r\n")
		}
		letters = append(letters, letter{id: fmt.Sprintf("random-%04d", i+1), name: "random", reversePath: "carol@sender.test",
			client: netip.AddrFrom4([4]byte{203, 0, 113, byte(i%254 + 1)}), content: []byte(b.String()), want: "relayed dmarc-none-weak"})
	}
	return letters
}

// mailman hands letters to a provider over one connection.
type mailman struct {
	t    *testing.T
	conn *textproto.Conn
}

// post hands all letters to the provider at addr. The client's address and name
// are told by XCLIENT, so that the provider writes the Received line it would
// write for that client.
func post(t *testing.T, addr string, letters []letter) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	m := &mailman{t, textproto.NewConn(nc)}
	m.expect(220, "")
	m.expect(250, "EHLO mailman.example.net")
	for _, l := range letters {
		m.hand(l)
	}
	m.expect(221, "QUIT")
}

func (m *mailman) hand(l letter) {
	address, helo, body := "[UNAVAILABLE]", l.helo, ""
	if l.client.IsValid() { // IPv4, as everything in these tests
		address = l.client.String()
	}
	if helo == "" {
		helo = "sender.test"
	}
	if slices.ContainsFunc(l.content, func(c byte) bool { return c >= 0x80 }) {
		body = " BODY=8BITMIME"
	}
	m.expect(220, "XCLIENT ADDR="+address+" NAME=[UNAVAILABLE]")
	m.expect(250, "EHLO "+helo)
	m.expect(250, "MAIL FROM:<"+l.reversePath+">"+body)
	m.expect(250, "RCPT TO:<"+l.forwardPath()+">")
	m.expect(354, "DATA")
	var stuffed bytes.Buffer
	for line := range bytes.Lines(l.content) {
		if line[0] == '.' {
			stuffed.WriteByte('.')
		}
		stuffed.Write(line)
	}
	m.expect(250, stuffed.String()+".")
}

// forwardPath is unknown to the next hop for the ids that say so.
func (l letter) forwardPath() string {
	user := "bob"
	if strings.HasPrefix(l.id, "nobody") {
		user = "nobody"
	}
	return user + "+" + l.id + "@example.com"
}

// expect sends a command, if there is one, and reads its reply.
func (m *mailman) expect(code int, command string) {
	m.t.Helper()
	if command != "" {
		m.conn.W.WriteString(command + "\r\n")
		if err := m.conn.W.Flush(); err != nil {
			m.t.Fatal(err)
		}
	}
	if _, text, err := m.conn.ReadResponse(code); err != nil {
		m.t.Fatalf("the provider to %.60q: %v %s", command, err, text)
	}
}
