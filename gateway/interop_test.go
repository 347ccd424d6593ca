//go:build interop

// The interop tests send real mail through real servers: a Postfix that plays
// the provider, the mxgate program, a Postfix or a sink behind it, and Unbound as
// resolver. They need root, Postfix and Unbound, and skip where those are
// missing, except in CI (MXGATE_CI=1).
package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
)

// hamHeld lists ham that the default policy quarantines although DNS knows
// nothing, with the reason found by reading the message. What is not listed must
// not be quarantined, and what is listed must be.
var hamHeld = map[string]string{}

func TestInteropOddLettersThroughPostfix(t *testing.T) {
	c := run(t, append(oddLetters(), randomLetters(100)...))
	for _, l := range c.letters {
		if got := c.fate(l.id); got != l.want {
			t.Errorf("%s (%s): %s, want %s", l.id, l.name, got, l.want)
		}
	}
}

func TestInteropHamThroughPostfixIsNotQuarantined(t *testing.T) {
	c := run(t, corpusLetters(t, "ham"))
	held := 0
	for _, l := range c.letters {
		fate := c.fate(l.id)
		why, listed := hamHeld[l.name]
		quarantined := strings.HasPrefix(fate, "quarantined")
		if quarantined {
			held++
		}
		switch {
		case quarantined && !listed:
			t.Errorf("ham %s is %s: %s", l.name, fate, c.entry[l.id].Sentence)
		case !quarantined && listed:
			t.Errorf("ham %s is listed as quarantined (%s) but is %s", l.name, why, fate)
		case !quarantined && !strings.HasPrefix(fate, "relayed"):
			t.Errorf("ham %s is %s", l.name, fate)
		}
	}
	t.Logf("passed %d/%d: ham not quarantined by the default policy", len(c.letters)-held, len(c.letters))
}

func TestInteropPhishThroughPostfixIsAccountedFor(t *testing.T) {
	run(t, corpusLetters(t, "phish"))
}

// books are what is known about a run once it is over: the letters, what the tap
// saw, what the next hop got, what is held, what the journal says.
type books struct {
	t        *testing.T
	letters  []letter
	seen     []exchange
	relayed  map[string][]smtptest.Message // by transaction
	held     map[string]store.Held         // by transaction
	store    *store.Store
	journal  map[string]store.Entry // by transaction
	entry    map[string]store.Entry // by letter
	exchange map[string]exchange    // by letter: the last one
}

// run sends the letters through a provider, the tap and mxgate to a sink, stops
// everything and checks the books.
func run(t *testing.T, letters []letter) *books {
	t.Helper()
	needServers(t)
	resolver := startUnbound(t)
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		return "550 5.1.1 No such user here", verb == "RCPT" && strings.Contains(arg, "<nobody+")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	gate := startGate(t, sink.Addr().String(), resolver, "")
	wire := startTap(t, gate.addr)
	provider := startPostfix(t, providerHost, "relay_domains = example.com\nrelay_transport = smtp:["+strings.Replace(wire.addr(), ":", "]:", 1)+
		"\nsmtpd_authorized_xclient_hosts = static:all\nsmtp_tls_security_level = none")

	start := time.Now()
	post(t, provider.addr, letters)
	provider.drained(4 * time.Minute)
	t.Logf("%d letters, all with a final answer after %s", len(letters), time.Since(start).Round(time.Millisecond))
	wire.close()
	gate.stop()

	c := open(t, letters, wire.exchanges(t), sink.Messages(), gate.dataDir)
	for _, v := range sink.Violations() {
		t.Errorf("at the next hop: %s", v)
	}
	c.check()
	c.print()
	return c
}

// open joins the records by transaction id, which is in every reply, in our
// Received field, in quarantine and in the journal.
func open(t *testing.T, letters []letter, seen []exchange, arrived []smtptest.Message, dataDir string) *books {
	t.Helper()
	c := &books{t: t, letters: letters, seen: seen, relayed: map[string][]smtptest.Message{}, held: map[string]store.Held{},
		journal: map[string]store.Entry{}, entry: map[string]store.Entry{}, exchange: map[string]exchange{}}
	for _, m := range arrived {
		id := receivedID(m.Content)
		c.relayed[id] = append(c.relayed[id], m)
	}
	var err error
	if c.store, err = store.Open(dataDir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.store.Close() })
	held, err := c.store.List(t.Context(), store.Filter{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range held {
		c.held[h.ID] = h
	}
	entries, err := c.store.Entries(t.Context(), store.Filter{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		c.journal[e.ID] = e
	}
	if len(c.journal) != len(entries) || len(entries) != len(seen) {
		t.Errorf("the journal has %d rows with %d ids for %d transactions", len(entries), len(c.journal), len(seen))
	}
	for _, x := range seen {
		c.exchange[x.id()] = x
		c.entry[x.id()] = c.journal[x.transaction()]
	}
	return c
}

// receivedID is the id in the newest field of a relayed message.
func receivedID(content []byte) string {
	first, _ := nextField(content)
	_, id, _ := strings.Cut(string(first), "\r\n\tid ")
	id, _, _ = strings.Cut(id, " ")
	return strings.TrimSuffix(id, ";\r\n")
}

func (x *exchange) transaction() string {
	if x.refusal != "" {
		return transaction(x.refusal)
	}
	return transaction(x.final)
}

// check proves the ledger: what was answered 250 is at the next hop or in
// quarantine, exactly once and octet for octet; nothing else is in either.
func (c *books) check() {
	c.t.Helper()
	accepted := 0
	for _, x := range c.seen {
		id := x.transaction()
		at := fmt.Sprintf("%s (%s)", x.id(), id)
		copies := len(c.relayed[id])
		_, isHeld := c.held[id]
		if isHeld {
			copies++
		}
		e, known := c.journal[id]
		switch ok := strings.HasPrefix(x.final, "2"); {
		case id == "" || !known:
			c.t.Errorf("%s: no journal row; refusal %q, final %q", at, x.refusal, x.final)
		case ok && copies != 1:
			c.t.Errorf("%s: answered %q, but is in %d places", at, x.final, copies)
		case !ok && copies != 0:
			c.t.Errorf("%s: answered %q, but is in %d places", at, x.refusal, copies)
		case ok && isHeld:
			accepted++
			c.checkHeld(at, x, c.held[id], e)
		case ok:
			accepted++
			c.checkRelayed(at, x, c.relayed[id][0], e)
		case x.content == nil && e.Outcome == store.Aborted: // its only recipient was refused: nothing was left to send
		case e.Outcome != store.Refused || !strings.HasPrefix(x.refusal, fmt.Sprint(e.ReplyCode)):
			c.t.Errorf("%s: answered %q, the journal says %s with %d", at, x.refusal, e.Outcome, e.ReplyCode)
		}
	}
	if accepted != len(c.relayed)+len(c.held) {
		c.t.Errorf("%d answered 250, %d relayed and %d held", accepted, len(c.relayed), len(c.held))
	}
	c.checkLetters()
}

// checkLetters looks from the other end: every letter had exactly one final
// answer, and its origin is the client that the provider was told of.
func (c *books) checkLetters() {
	answers := map[string]int{}
	for _, x := range c.seen {
		answers[x.id()]++
	}
	for _, l := range c.letters {
		if answers[l.id] != 1 {
			c.t.Errorf("%s (%s): %d transactions instead of one", l.id, l.name, answers[l.id])
		}
		if e := c.entry[l.id]; e.Reason != "" && e.OriginIP != l.client {
			c.t.Errorf("%s (%s): origin %s, but it came from %s", l.id, l.name, e.OriginIP, l.client)
		}
	}
}

func (c *books) checkHeld(at string, x exchange, h store.Held, e store.Entry) {
	if e.Outcome != store.Quarantined || h.Reason != e.Reason {
		c.t.Errorf("%s: held for %q, the journal says %s for %q", at, h.Reason, e.Outcome, e.Reason)
	}
	if got := h.Envelope; !samePath(got.ReversePath.String(), x.reversePath) || len(got.ForwardPaths) != 1 || !samePath(got.ForwardPaths[0].String(), x.forwardPath) {
		c.t.Errorf("%s: held with the envelope %v, received with <%s> and <%s>", at, got, x.reversePath, x.forwardPath)
	}
	f, err := c.store.Content(h.ID)
	if err != nil {
		c.t.Errorf("%s: %v", at, err)
		return
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(content, x.content) {
		c.t.Errorf("%s: held content differs from what was received: %s", at, difference(content, x.content))
	}
}

// samePath compares paths. Domains are held in lower case, so they may have
// changed in that; local parts may not. RFC 5321, Section 2.4.
func samePath(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return i == j && a[:i+1] == b[:j+1] && strings.EqualFold(a[i+1:], b[j+1:])
}

func (c *books) checkRelayed(at string, x exchange, m smtptest.Message, e store.Entry) {
	if e.Outcome != store.Relayed {
		c.t.Errorf("%s: relayed, the journal says %s", at, e.Outcome)
	}
	if !samePath(m.ReversePath, x.reversePath) || len(m.ForwardPaths) != 1 || !samePath(m.ForwardPaths[0], x.forwardPath) {
		c.t.Errorf("%s: relayed with the envelope <%s> %q, received with <%s> <%s>", at, m.ReversePath, m.ForwardPaths, x.reversePath, x.forwardPath)
	}
	rest := withoutOurs(x.content)
	block, ok := bytes.CutSuffix(m.Content, rest)
	if !ok {
		c.t.Errorf("%s: relayed octets do not end with those received: %s", at, difference(m.Content[max(0, len(m.Content)-len(rest)):], rest))
		return
	}
	if problem := badBlock(block, e); problem != "" {
		c.t.Errorf("%s: %s in the prepended fields:\n%s", at, problem, block)
	}
}

// badBlock says what is wrong with the fields put before a message.
func badBlock(block []byte, e store.Entry) string {
	var names []string
	for rest := block; len(rest) > 0; {
		var f []byte
		f, rest = nextField(rest)
		if name := fieldName(f); name != "x-mxgate-score" { // only where points were counted
			names = append(names, name)
		}
	}
	want := []string{"received", "authentication-results", "x-mxgate-verdict", "x-mxgate-path"}
	if e.Reason != "clean" {
		want = append(want, "x-mxgate-why")
	}
	if !slices.Equal(names, want) {
		return fmt.Sprintf("fields %q instead of %q", names, want)
	}
	for line := range strings.Lines(string(block)) {
		if strings.Trim(line, "\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "\r\n" || len(line) > 1000 {
			return fmt.Sprintf("the line %.100q", line)
		}
	}
	for _, part := range []string{"\tby " + gateHost + " (mxgate) with E", "id " + e.ID, "Authentication-Results: " + gateHost + ";", "reason=" + e.Reason + ";"} {
		if !strings.Contains(string(block), part) {
			return fmt.Sprintf("%q is missing", part)
		}
	}
	return ""
}

// withoutOurs removes what may not come in from outside: X-Mxgate fields and
// Authentication-Results in the gateway's name. It is written apart from the
// product on purpose, for the spellings that occur here.
func withoutOurs(content []byte) []byte {
	var kept []byte
	for rest := content; ; {
		field, behind := nextField(rest)
		if len(field) == 0 || string(field) == "\r\n" {
			return append(kept, rest...)
		}
		rest = behind
		name := fieldName(field)
		_, value, _ := strings.Cut(strings.ToLower(string(field)), ":")
		words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n;", r) })
		ours := name == "authentication-results" && len(words) > 0 && words[0] == gateHost
		if !ours && !strings.HasPrefix(name, "x-mxgate-") {
			kept = append(kept, field...)
		}
	}
}

// nextField cuts one line with its continuation lines off.
func nextField(b []byte) (field, rest []byte) {
	end := 0
	for end < len(b) {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			return b, nil
		}
		end += n + 1
		if end == len(b) || b[end] != ' ' && b[end] != '\t' || string(b[:end]) == "\r\n" {
			break
		}
	}
	return b[:end], b[end:]
}

func fieldName(field []byte) string {
	name, _, _ := strings.Cut(string(field), ":")
	return strings.ToLower(strings.TrimRight(name, " \t"))
}

// difference shows where two contents part.
func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("%d and %d octets, from %d: %.60q instead of %.60q", len(got), len(want), i, got[i:], want[i:])
}

// fate says what became of a letter: "relayed clean", "refused 554 5.5.2".
func (c *books) fate(id string) string {
	if x := c.exchange[id]; x.refusal != "" {
		code, rest, _ := strings.Cut(x.refusal, " ")
		enhanced, _, _ := strings.Cut(rest, " ")
		return "refused " + code + " " + enhanced
	}
	e := c.entry[id]
	return string(e.Outcome) + " " + e.Reason
}

// print tells how many letters had which fate, and of each that the next hop
// did not get why.
func (c *books) print() {
	counts := map[string]int{}
	for _, l := range c.letters {
		counts[c.fate(l.id)]++
		if x := c.exchange[l.id]; x.refusal != "" {
			c.t.Logf("refused: %s (%s): %s", l.id, l.name, x.refusal)
		} else if e := c.entry[l.id]; e.Outcome == store.Quarantined {
			c.t.Logf("held: %s (%s): %s", l.id, l.name, e.Sentence)
		}
	}
	for _, fate := range slices.Sorted(maps.Keys(counts)) {
		c.t.Logf("%5d %s", counts[fate], fate)
	}
	c.t.Logf("ledger: %d transactions, %d at the next hop, %d in quarantine", len(c.seen), len(c.relayed), len(c.held))
}
