package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy"
)

// greta is somebody with whom bob corresponds; thief writes from a look-alike of
// hers, which is his and proves it.
const (
	greta = "greta@lindqvist.example"
	thief = "greta@1indqvist.example"
)

// calendar is a clock that tests set.
type calendar struct{ ahead atomic.Int64 }

// wrote is how many days ago the mails of a conversation came.
var wrote = [...]int{30, 21, 12}

// newCalendar begins on the day of a conversation's first mail. A gateway tidies when it
// starts, and dates what comes from long before that day as of that day: begun today, it
// would take the whole conversation for today's.
func newCalendar() *calendar {
	c := new(calendar)
	c.day(wrote[0])
	return c
}

func (c *calendar) plant(s *Server) { s.pipeline.now = c.now }

func (c *calendar) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// day sets the clock to so many days before (or, if negative, after) now.
func (c *calendar) day(ago int) { c.ahead.Store(int64(-ago) * int64(24*time.Hour)) }

// letter is a mail to bob.
type letter struct {
	from, name string // name: "Greta Lind"
	to         string // "": bob
	id, cites  string // cites: ids in angle brackets
	subject    string // "": that of the conversation
	fields     []string
	body       string
}

// origins are the addresses that may send for the domains.
var origins = map[string]string{greta: "192.0.2.40", thief: "203.0.113.66"}

func (l letter) content() string {
	fields := []string{"From: " + cmp.Or(l.name, "Greta Lind") + " <" + l.from + ">", "To: " + cmp.Or(l.to, "Bob <"+bob+">"), "Subject: " + cmp.Or(l.subject, "Re: The boat"),
		"Date: Mon, 2 Mar 2026 10:00:00 +0100", "Message-ID: <" + l.id + ">"}
	if l.cites != "" {
		fields = append(fields, "In-Reply-To: "+l.cites[strings.LastIndexByte(l.cites, '<'):], "References: "+l.cites)
	}
	return fromProvider(origins[l.from]) + strings.Join(append(fields, l.fields...), "\r\n") + "\r\n\r\n" + cmp.Or(l.body, "Hello.") + "\r\n"
}

// post delivers l and returns its journal row.
func (g *stage) post(l letter) store.Entry {
	g.t.Helper()
	reply := g.deliver(l.from, []string{bob}, l.content())
	g.wantReply(reply, "250 2.0.0")
	return g.entry(reply)
}

// remembers waits until all that was relayed is learned and on disk.
func (g *stage) remembers() memory.Stats {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.server.memory.Flush(ctx); err != nil {
		g.t.Fatal(err)
	}
	s, err := g.server.memory.Stats(ctx)
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// conversation is what greta and bob wrote each other on several days, as far as
// it came through the gateway: bob's own mail went another way.
func (g *stage) conversation(c *calendar) {
	g.t.Helper()
	for i, ago := range wrote {
		c.day(ago)
		l := letter{from: greta, id: fmt.Sprintf("%d@lindqvist.example", i+1)}
		if i > 0 {
			l.cites = fmt.Sprintf("<%d@lindqvist.example> <bob-%d@example.com>", i, i)
		}
		if e := g.post(l); e.Outcome != store.Relayed || e.Reason != string(policy.Clean) {
			g.t.Fatalf("honest mail: %s, %s, %s", e.Outcome, e.Reason, e.Sentence)
		}
		g.remembers()
	}
	c.day(0)
}

const (
	paying    = "Our bank has changed. Please use the new account from now on: IBAN DE89 3704 0044 0532 0130 00."
	gretasOwn = "> On Monday, Greta Lind <greta@lindqvist.example> wrote:\r\n> the boat is ready.\r\n"
)

var (
	withIDs    = letter{from: thief, id: "a@1indqvist.example", cites: "<3@lindqvist.example> <bob-2@example.com>", body: "See below."}
	withQuote  = letter{from: thief, id: "b@1indqvist.example", body: "See below.\r\n\r\n" + gretasOwn}
	withHelper = letter{from: greta, id: "c@lindqvist.example", cites: "<bob-2@example.com>", fields: []string{"Cc: accounts@1indqvist.example"}}
)

// wantHeld fails unless e is held for reason, in a sentence with all of want.
func (g *stage) wantHeld(e store.Entry, reason policy.Reason, want ...string) {
	g.t.Helper()
	if e.Outcome != store.Quarantined || e.Reason != string(reason) {
		g.t.Errorf("%s, %s: %s; want it held as %s", e.Outcome, e.Reason, e.Sentence, reason)
	}
	for _, part := range want {
		if !strings.Contains(e.Sentence, part) {
			g.t.Errorf("%q does not say %q", e.Sentence, part)
		}
	}
}

func TestAStolenConversationIsHeld(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	relayed := g.sink.Count()
	g.wantHeld(g.post(withIDs), policy.StolenThread, "‹1›indqvist.example", "‹l›indqvist.example", "3 messages", "no proven mail from")
	g.wantHeld(g.post(withQuote), policy.Impostor, "‹1›indqvist.example", "‹l›indqvist.example")
	if g.sink.Count() != relayed {
		t.Error("the thief came through")
	}
	entries, err := g.server.Store().Entries(t.Context(), store.Filter{Reason: string(policy.StolenThread)})
	if err != nil || len(entries) != 1 || !strings.Contains(string(entries[0].Evidence), `"author_took_part":false`) {
		t.Errorf("the journal finds %d by the reason, %v", len(entries), err)
	}
	if s := g.remembers(); s.Learned != 3 || s.Domains[string(policy.Seen)]+s.Domains[string(policy.Established)]+s.Domains[string(policy.TwoWay)] != 1 {
		t.Errorf("learned from the thief: %+v", s)
	}
	if e := g.post(letter{from: greta, id: "4@lindqvist.example", cites: "<3@lindqvist.example>", body: paying}); e.Outcome != store.Relayed || e.Disposition != "relay" {
		t.Errorf("greta herself: %s, %s: %s", e.Outcome, e.Reason, e.Sentence)
	}
}

// A vendor whose mailbox was taken over adds look-alikes to Cc.
func TestALookalikeInCcIsToldAndHeldIfThereIsTalkOfPayment(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	if e := g.post(withHelper); e.Outcome != store.Relayed || e.Disposition != "tag" || e.Reason != string(policy.AddedLookalikes) {
		t.Errorf("%s, %s, %s: %s", e.Outcome, e.Disposition, e.Reason, e.Sentence)
	}
	messages := g.sink.Messages()
	last := strings.ReplaceAll(string(messages[len(messages)-1].Content), "\r\n\t", " ")
	for _, want := range []string{"X-Mxgate-Verdict: tag; reason=added-lookalike; mode=enforce", "\r\nX-Mxgate-Why: ", "[1]indqvist.example looks like [l]indqvist.example", "\r\nSubject: Re: The boat\r\n"} {
		if !strings.Contains(last, want) {
			t.Errorf("no %q in\n%s", want, last)
		}
	}
	g.remembers() // who was added is no participant for that
	again := withHelper
	again.id, again.body = "d@lindqvist.example", paying
	g.wantHeld(g.post(again), policy.AddedLookalikes, "‹1›indqvist.example", "‹l›indqvist.example")
	g.wantHeld(g.post(withIDs), policy.StolenThread)
}

// However long an owner of a look-alike writes and proves himself, he becomes
// nobody's correspondent by it: LOOKALIKE 6.
func TestALookalikeThatWasWarmedUpStaysAShadow(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	for n := range 200 {
		c.day(-1 - n*60/200)
		l := letter{from: thief, name: "Lars Berg", subject: "The weather", id: fmt.Sprintf("w%d@1indqvist.example", n), body: "How are you?"}
		if e := g.post(l); e.Outcome != store.Relayed || e.Disposition != "tag" || e.Reason != string(policy.Impostor) {
			t.Fatalf("mail %d: %s, %s, %s: %s", n, e.Outcome, e.Disposition, e.Reason, e.Sentence)
		}
		g.remembers()
	}
	if s := g.remembers(); s.Domains[string(policy.Shadow)] != 1 || s.Domains[string(policy.Established)]+s.Domains[string(policy.TwoWay)] != 1 {
		t.Errorf("known as %v", s.Domains)
	}
	c.day(-61)
	g.wantHeld(g.post(withIDs), policy.StolenThread, "as a look-alike")
	g.wantHeld(g.post(withQuote), policy.Impostor)
}

func TestWhatAnAdministratorAllowsComesThrough(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	tool, err := OpenMemory(g.cfg) // as `mxgate allow` does, beside the gateway
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	d := policy.Decision{Sender: "1indqvist.example", Target: "lindqvist.example", Allow: true, Who: "erika", Why: "their new name", At: c.now()}
	if err := tool.Allow(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the decision is in force", func() bool {
		s, err := g.server.memory.Stats(t.Context())
		return err == nil && s.Decisions == 1
	})
	for _, l := range []letter{withIDs, withQuote} {
		if e := g.post(l); e.Outcome != store.Relayed || e.Disposition != "relay" {
			t.Errorf("%s: %s, %s: %s", l.id, e.Outcome, e.Reason, e.Sentence)
		}
	}
	if err := tool.Withdraw(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the decision is taken back", func() bool {
		s, err := g.server.memory.Stats(t.Context())
		return err == nil && s.Decisions == 0
	})
}

func TestTheMemorySurvivesARestart(t *testing.T) {
	c := newCalendar()
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir}, c.plant)
	g.conversation(c)
	if e := g.post(letter{from: greta, id: "4@lindqvist.example", cites: "<3@lindqvist.example>"}); e.Outcome != store.Relayed {
		t.Fatal(e.Outcome, e.Sentence)
	}
	g.end() // what was told last is written then
	if _, err := g.server.Memory().Recall(t.Context(), policy.Question{}); !errors.Is(err, memory.ErrClosed) {
		t.Errorf("the memory is open behind its gateway: %v", err)
	}
	g = newStage(t, script{dataDir: dir}, c.plant)
	g.wantHeld(g.post(withIDs), policy.StolenThread, "4 messages")
	if info, err := os.Stat(filepath.Join(dir, "memory")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// What was learned more than a second before kill -9 is there afterwards.
func TestTheMemorySurvivesKill(t *testing.T) {
	w := newKillWorld(t, "")
	w.startVictim(t)
	c, err := dialTalk(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	genuine := letter{from: greta, id: "1@lindqvist.example", cites: "<bob-2@example.com>"}
	if reply, err := c.deliver(greta, []string{bob}, genuine.content()); err != nil || !strings.HasPrefix(reply, "250 ") {
		t.Fatal(reply, err)
	}
	cfg, err := config.Load(w.config)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := OpenMemory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	eventually(t, "it is on disk", func() bool {
		s, err := tool.Stats(t.Context())
		return err == nil && s.Domains[string(policy.Seen)] == 1
	})
	if err := w.victim.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-w.victim.dead
	w.startVictim(t)
	if c, err = dialTalk(w.addr); err != nil {
		t.Fatal(err)
	}
	defer c.close()
	reply, err := c.deliver(thief, []string{bob}, withIDs.content())
	if err != nil || !strings.HasPrefix(reply, "250 ") {
		t.Fatal(reply, err)
	}
	w.withStore(t, func(st *store.Store) {
		if h, err := st.Get(t.Context(), idOf(reply)); err != nil || h.Reason != string(policy.StolenThread) {
			t.Errorf("held as %q, %v", h.Reason, err)
		}
	})
	w.retire(t, w.victim.stdin.Close)
}

// The operator says who has one owner, and for how long is remembered.
func TestTheMemoryDoesAsConfigured(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{tail: "[[group]]\nname = \"Lind\"\ndomains = [\"lindqvist.example\", \"1indqvist.example\"]\n[memory]\nconversation_days = 50\n"}, c.plant)
	g.conversation(c)
	sibling := withIDs
	sibling.name = "Lind Accounts"
	if e := g.post(sibling); e.Outcome != store.Relayed || e.Disposition != "relay" {
		t.Errorf("of one owner: %s, %s: %s", e.Outcome, e.Reason, e.Sentence)
	}
	if s := g.remembers(); s.Threads == 0 || s.Edges != 2 {
		t.Errorf("before: %+v", s)
	}
	for ahead := 60; ahead < 62; ahead++ { // a clock that jumps is believed at the second look
		c.day(-ahead)
		g.server.tidy(t.Context(), c.now())
	}
	if s := g.remembers(); s.Threads != 0 || s.IDs != 0 || s.Edges != 2 {
		t.Errorf("after 61 days: %+v", s)
	}
}

// Observe is a dry run: the thief comes through, with the verdict, and teaches
// nothing by it.
func TestObserveModeSaysWhatItWouldHold(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{head: `mode = "observe"`}, c.plant)
	g.conversation(c)
	for i, id := range []string{"e@1indqvist.example", "f@1indqvist.example"} {
		l := withIDs
		l.id = id
		if e := g.post(l); e.Outcome != store.Relayed || e.Disposition != "quarantine" || e.Reason != string(policy.StolenThread) {
			t.Errorf("%d: %s, %s, %s: %s", i, e.Outcome, e.Disposition, e.Reason, e.Sentence)
		}
		g.remembers()
	}
	messages := g.sink.Messages()
	if last := string(messages[len(messages)-1].Content); !strings.Contains(last, "X-Mxgate-Verdict: quarantine; reason=stolen-thread; mode=observe") {
		t.Errorf("%s", last)
	}
}

// Without a memory, what a message itself shows still counts.
func TestWithoutAMemoryTheMessageItselfIsReadStill(t *testing.T) {
	c := newCalendar()
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir, tail: "[memory]\nenabled = false\n"}, c.plant)
	if e := g.post(letter{from: greta, id: "1@lindqvist.example"}); e.Outcome != store.Relayed {
		t.Errorf("greta: %s, %s", e.Outcome, e.Reason)
	}
	if e := g.post(withQuote); e.Disposition != "tag" || e.Reason != string(policy.Impostor) {
		t.Errorf("a pasted conversation: %s, %s: %s", e.Disposition, e.Reason, e.Sentence)
	}
	withPayment := withQuote
	withPayment.body = paying + "\r\n\r\n" + gretasOwn
	if e := g.post(withPayment); e.Reason != string(policy.Impostor) || !strings.Contains(e.Sentence, "‹1›indqvist.example") {
		t.Errorf("with payment: %s, %s: %s", e.Disposition, e.Reason, e.Sentence)
	}
	helper := withHelper
	helper.body = paying
	g.wantHeld(g.post(helper), policy.AddedLookalikes)
	if _, err := os.Stat(filepath.Join(dir, "memory")); !os.IsNotExist(err) {
		t.Errorf("a memory was made: %v", err)
	}
	if _, page := g.get("/metrics"); strings.Contains(page, "mxgate_memory_") {
		t.Error("counted what is not there")
	}
}

// Only what reached the next hop, and of which the client has read so, teaches.
func TestNothingIsLearnedFromWhatWasNotRelayed(t *testing.T) {
	g := newStage(t, script{})
	genuine := letter{from: greta, id: "1@lindqvist.example"}
	for _, answer := range []string{"451 4.7.1 later", "554 5.7.1 no", smtptest.Hangup} {
		g.nextHopSaysTo(smtptest.Dot, answer)
		if reply := g.deliver(greta, []string{bob}, genuine.content()); reply[0] == '2' {
			t.Fatal(reply)
		}
	}
	g.nextHopSaysTo("", "")
	forged := genuine.content()
	forged = strings.Replace(forged, origins[greta], "198.51.100.7", 1)
	id := g.spoofHeld(crook, []string{bob}, forged)
	if err := g.release(id); err != nil { // an administrator lets it through: no word on who wrote it
		t.Fatal(err)
	}
	c, goOn := g.atDot(greta, genuine.content())
	c.close() // before it can read the acceptance
	close(goOn)
	eventually(t, "both are uncertain", func() bool {
		rows, err := g.server.Store().Entries(t.Context(), store.Filter{Outcome: store.Uncertain})
		return err == nil && len(rows) == 2
	})
	if s := g.remembers(); s.Learned != 0 || s.IDs != 0 || total(s.Domains) != 0 {
		t.Errorf("learned: %+v", s)
	}
	g.nextHopSaysTo("", "")
	if e := g.post(genuine); e.Outcome != store.Relayed {
		t.Fatal(e.Outcome, e.Sentence)
	}
	if s := g.remembers(); s.Learned != 1 || s.IDs != 1 || s.Domains[string(policy.Seen)] != 1 {
		t.Errorf("learned: %+v", s)
	}
}

func TestAMemoryThatCannotBeOpenedStopsTheStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir})
	g.end()
	key := filepath.Join(dir, "memory", "memory.key")
	if err := os.WriteFile(key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(g.cfg, slog.New(slog.DiscardHandler))
	for _, want := range []string{"stage.toml: data_dir = ", key, "remove it", "memory.enabled = false"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v; want %q", err, want)
		}
	}
	g.cfg.Memory.Enabled = false
	again, err := New(g.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	again.close()
	g.cfg.DataDir = t.TempDir() // where no gateway has run, no decision can come into force
	if _, err := OpenMemory(g.cfg); err == nil || !strings.Contains(err.Error(), "no mxgate data in "+g.cfg.DataDir) {
		t.Errorf("OpenMemory: %v", err)
	}
}

func TestWhatTheMemoryHoldsIsCounted(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	g.remembers()
	_, page := g.get("/metrics")
	for _, want := range []string{
		`mxgate_memory_entries{kind="message-id"} 5`, `mxgate_memory_entries{kind="conversation"} 1`, `mxgate_memory_entries{kind="contact"} 1`,
		`mxgate_memory_entries{kind="name"} 1`, `mxgate_memory_entries{kind="decision"} 0`,
		`mxgate_memory_domains{state="shadow"} 0`, `mxgate_memory_learned_total 3`, `mxgate_memory_dropped_total 0`,
		`mxgate_memory_capped_total 0`, `mxgate_memory_evicted_total 0`, `mxgate_memory_trouble 0`, `mxgate_memory_octets{where="disk"} `,
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	known := 0
	for _, state := range []string{"seen", "established", "two-way"} {
		if strings.Contains(page, `mxgate_memory_domains{state="`+state+`"} 1`) {
			known++
		}
	}
	if known != 1 {
		t.Error("the domain is counted in no state, or in two")
	}
}
