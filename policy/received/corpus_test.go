package received_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/policy/corpustest"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// sample is a message that came through Microsoft 365, and the client that
// Microsoft says it had.
type sample struct {
	id         string
	msg        *mail.Message
	client     netip.Addr // zero: not stated
	anonymised bool       // the address was replaced by text in the whole message
}

func parseMessage(tb testing.TB, text []byte) *mail.Message {
	tb.Helper()
	m, err := mail.ParseMessage(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// headersOnly reads mail/phish-headers-only.jsonl.gz.
func headersOnly(tb testing.TB) []sample {
	tb.Helper()
	f, err := os.Open(corpustest.Path(tb, "mail/phish-headers-only.jsonl.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var samples []sample
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row struct {
			ID      string
			Headers [][2]string
			Truth   struct {
				SenderIP   string `json:"sender_ip"`
				Anonymised bool   `json:"ip_anonymised"`
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			tb.Fatal(err)
		}
		var text bytes.Buffer
		for _, h := range row.Headers {
			fmt.Fprintf(&text, "%s: %s\r\n", h[0], h[1])
		}
		text.WriteString("\r\n")
		client, _ := netip.ParseAddr(row.Truth.SenderIP)
		samples = append(samples, sample{row.ID, parseMessage(tb, text.Bytes()), client, row.Truth.Anonymised})
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return samples
}

// wholeMessages reads mail/phish/*.eml with the truth of index.tsv.
func wholeMessages(tb testing.TB) []sample {
	tb.Helper()
	dir := corpustest.Path(tb, "mail/phish")
	index, err := os.ReadFile(filepath.Join(dir, "index.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	var samples []sample
	for line := range strings.Lines(string(index)) {
		columns := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if columns[0] == "file" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, columns[0]))
		if err != nil {
			tb.Fatal(err)
		}
		s := sample{id: columns[0], msg: parseMessage(tb, text)}
		if s.client, err = netip.ParseAddr(columns[8]); err != nil {
			// Microsoft states it in a field of its own, too.
			sender := s.msg.First("X-Sender-IP")
			s.client, err = netip.ParseAddr(sender)
			s.anonymised = err != nil && sender != ""
		}
		samples = append(samples, s)
	}
	return samples
}

// microsoft365 is the boundary as the catalogue states it.
func microsoft365(tb testing.TB, ranges func(netip.Addr) bool) received.Boundary {
	tb.Helper()
	return boundaryOf(tb, "microsoft365", ranges)
}

// catalogueRanges admits what the catalogue states for Microsoft 365, as an
// operator would write it.
func catalogueRanges(addr netip.Addr) bool {
	e, _ := provider.Lookup("microsoft365")
	for _, s := range e.Ranges {
		for _, p := range s.List {
			if p.Contains(addr) {
				return true
			}
		}
	}
	return false
}

// notThroughMicrosoft lists messages that Microsoft did not hand to the
// mailbox: another host wrote the newest hop, so that the right answer with this
// boundary is "unknown", although somebody's Authentication-Results are in them.
var notThroughMicrosoft = map[string]string{
	"sample-392.eml": "forwarded by Microsoft 365 to mx02.picture.com.br, whose hops are the newest",
	"sample-394.eml": "forwarded by Microsoft 365 to mx02.picture.com.br, whose hops are the newest",
	"sample-404.eml": "forwarded by Microsoft 365 to mx02.picture.com.br, whose hops are the newest",
}

func TestOriginOfRealMessagesThroughMicrosoft365(t *testing.T) {
	for _, set := range []struct {
		name    string
		samples []sample
		right   int // at least
	}{
		{"Received, 1,167 real chains (Microsoft 365): origin", headersOnly(t), 1161},
		{"Received, 400 real messages (Microsoft 365): origin", wholeMessages(t), 389},
	} {
		for _, known := range []bool{false, true} {
			b := microsoft365(t, nil)
			if known {
				b = microsoft365(t, catalogueRanges)
			}
			right, argued, certain := 0, 0, 0
			for _, s := range set.samples {
				o := received.Find(&mail.Transaction{Message: s.msg}, b)
				switch {
				case o.IP.IsValid() && o.IP == s.client:
					right++
					if o.Confidence == received.High {
						certain++
					}
				case o.IP.IsValid():
					t.Errorf("%s: got %s, want %s: %s", s.id, o.IP, s.client, o.Why)
				case s.client.IsValid() && notThroughMicrosoft[s.id] == "":
					t.Errorf("%s: unknown, want %s: %s", s.id, s.client, o.Why)
				case o.Why == "" || o.Method != received.MethodNone || o.Confidence != received.None || o.Class != received.Unknown:
					t.Errorf("%s: unknown without a reason: %+v", s.id, o)
				default:
					argued++ // the address was replaced by text, or the message did not come through Microsoft
				}
			}
			t.Logf("ranges known %v: %d confirmed by a second field", known, certain)
			if right < set.right || certain < right/2 {
				t.Errorf("%s: right %d, want at least %d; certain %d", set.name, right, set.right, certain)
			}
			if known {
				t.Logf("suite: %s | passed %d | of %d | argued %d", set.name, right, len(set.samples), argued)
			}
		}
	}
}

// TestOwnRelaysInFrontOfTheProvider reads the two messages that another host
// has forwarded, with that host named as the operator would.
func TestOwnRelaysInFrontOfTheProvider(t *testing.T) {
	b := microsoft365(t, func(a netip.Addr) bool {
		return catalogueRanges(a) || netip.MustParsePrefix("200.229.128.0/24").Contains(a)
	})
	b.ReceivedBy = append([]string{"picture.com.br"}, b.ReceivedBy...)
	n := 0
	for _, s := range append(headersOnly(t), wholeMessages(t)...) {
		if notThroughMicrosoft[s.id] == "" {
			continue
		}
		n++
		if o := received.Walk(received.Hops(s.msg), b, time.Time{}); o.IP != s.client {
			t.Errorf("%s: got %s, want %s: %s", s.id, o.IP, s.client, o.Why)
		}
	}
	if n != len(notThroughMicrosoft) {
		t.Errorf("%d messages tried, want %d", n, len(notThroughMicrosoft))
	}
}

const forged = "198.51.100.66" // what the forger wants to be found

// forgedChain copies the hops of m down to the border, with the client of the
// border replaced.
func forgedChain(m *mail.Message, client netip.Addr) []byte {
	var chain bytes.Buffer
	for _, f := range m.Named("Received") {
		raw := string(f.Raw)
		if client.IsValid() {
			raw = strings.ReplaceAll(raw, client.String(), forged)
		}
		chain.WriteString(raw)
		if strings.Contains(f.Value(), ".mail.protection.outlook.com") {
			break
		}
	}
	// Whatever the copy looked like, one that surely is readable.
	chain.WriteString("Received: from mail.example.org (" + forged + ") by AB1PEPF0000AAAA.mail.protection.outlook.com (10.167.0.1)" +
		" with Microsoft SMTP Server id 15.20.9000.1 via Frontend Transport; Mon, 2 Nov 2026 09:00:00 +0000\r\n")
	return chain.Bytes()
}

// plant returns m with text put below field number below.
func plant(tb testing.TB, m *mail.Message, below int, text []byte) *mail.Message {
	var out bytes.Buffer
	for i, f := range m.Fields {
		out.Write(f.Raw)
		if i == below {
			out.Write(text)
		}
	}
	out.WriteString("\r\n")
	return parseMessage(tb, out.Bytes())
}

func TestAForgedProviderChainBelowTheBorderChangesNothing(t *testing.T) {
	b := microsoft365(t, catalogueRanges)
	planted := 0
	for _, s := range append(headersOnly(t), wholeMessages(t)...) {
		want := received.Walk(received.Hops(s.msg), b, time.Time{})
		chain := forgedChain(s.msg, s.client)
		if want.Field < 0 {
			t.Fatalf("%s: no hop decided: %s", s.id, want.Why)
		}
		for _, below := range []int{want.Field, len(s.msg.Fields) - 1} {
			got := received.Walk(received.Hops(plant(t, s.msg, below, chain)), b, time.Time{})
			if got != want {
				t.Errorf("%s: forged chain below field %d: got %+v, want %+v", s.id, below, got, want)
			}
			planted++
		}
	}
	t.Logf("%d forged chains", planted)
}

func TestANameInjectedIntoTheBorderHopNeverNamesAnotherOrigin(t *testing.T) {
	b := microsoft365(t, catalogueRanges)
	right, unknown := 0, 0
	for i, s := range headersOnly(t) {
		want := received.Walk(received.Hops(s.msg), b, time.Time{})
		if i%40 != 0 || !want.IP.IsValid() {
			continue
		}
		for _, helo := range injections {
			fields := *s.msg
			fields.Fields = append([]mail.Field(nil), s.msg.Fields...)
			border := &fields.Fields[want.Field]
			raw := string(border.Raw)
			before, after, ok := strings.Cut(raw, want.Helo)
			if !ok || strings.TrimSpace(before) != "Received: from" {
				t.Fatalf("%s: no name to replace in %q", s.id, raw)
			}
			border.Raw = []byte(before + helo + after)
			got := received.Walk(received.Hops(plant(t, &fields, want.Field, forgedChain(s.msg, s.client))), b, time.Time{})
			switch got.IP {
			case want.IP:
				right++
			case netip.Addr{}:
				unknown++
			default:
				t.Fatalf("%s: HELO %q: got %s, want %s or none", s.id, helo, got.IP, want.IP)
			}
		}
	}
	t.Logf("right %d, unknown %d, wrong 0", right, unknown)
}
