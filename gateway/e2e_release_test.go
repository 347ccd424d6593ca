package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// spoofHeld puts a message into quarantine and returns its id.
func (g *stage) spoofHeld(from string, to []string, content string) string {
	g.t.Helper()
	reply := g.deliver(from, to, content)
	g.wantReply(reply, "250 2.0.0")
	if g.entry(reply).Outcome != store.Quarantined {
		g.t.Fatal("the message was not quarantined")
	}
	return idOf(reply)
}

// release does what `mxgate quarantine release` does, beside the running gateway.
func (g *stage) release(id string) error {
	g.t.Helper()
	_, err := g.releaseTo(id)
	return err
}

func (g *stage) releaseTo(id string) (Released, error) {
	g.t.Helper()
	st, err := OpenStore(g.cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	defer st.Close()
	return Release(context.Background(), g.cfg, st, id, "erika")
}

func (g *stage) wantState(id string, want store.State) {
	g.t.Helper()
	if h, err := g.server.Store().Get(context.Background(), id); err != nil || h.State != want {
		g.t.Errorf("%s is %s, %v; want %s", id, h.State, err, want)
	}
}

func TestReleaseSendsTheOriginalOctetsAndEnvelope(t *testing.T) {
	g := newStage(t, script{})
	forged := "X-Mxgate-Released: 2026-01-01T00:00:00Z; by=attacker\r\nAuthentication-Results: gate.example.com; dmarc=pass\r\n"
	to := []string{bob, "Carol.X@EXAMPLE.com", `"odd \"one\""@example.com`}
	content := spoofMail() + "more\r\n..\r\n"
	id := g.spoofHeld("", to, forged+content)
	if err := g.release(id); err != nil {
		t.Fatal(err)
	}
	got := g.sink.Messages()
	if len(got) != 1 {
		t.Fatalf("%d messages at the next hop, want 1", len(got))
	}
	want := []string{bob, "Carol.X@example.com", `"odd \"one\""@example.com`} // a domain has no case
	if got[0].ReversePath != "" || !slices.Equal(got[0].ForwardPaths, want) {
		t.Errorf("sent from %q to %q, want the null reverse-path and %q", got[0].ReversePath, got[0].ForwardPaths, want)
	}
	block, ok := strings.CutSuffix(string(got[0].Content), content)
	if !ok {
		t.Fatalf("the message was altered:\n%s", got[0].Content)
	}
	if err := blockFault(block, "X-Mxgate-Released", "Received"); err != nil {
		t.Error(err)
	}
	for _, part := range []string{"id=" + id, "by=erika", "reason=own-domain-spoof", "by gate.example.com (mxgate) with ESMTP"} {
		if !strings.Contains(block, part) {
			t.Errorf("the block does not say %q:\n%s", part, block)
		}
	}
	g.wantState(id, store.StateReleased)
	if err := g.release(id); !errors.Is(err, store.ErrState) || g.sink.Count() != 1 {
		t.Errorf("a second release: %v, %d messages at the next hop", err, g.sink.Count())
	}
	history, err := g.server.Store().History(t.Context(), id)
	if err != nil || len(history) != 3 || history[2].What != "released" || history[2].Who != "erika" {
		t.Errorf("the history says %+v, %v", history, err)
	}
}

func TestAReleaseTheNextHopDoesNotTakeLeavesTheMessageHeld(t *testing.T) {
	g := newStage(t, script{})
	id := g.spoofHeld(crook, []string{bob}, spoofMail())
	for _, c := range []struct{ name, verb, says, want, history string }{
		{"a refused recipient", "RCPT", "550 5.1.1 gone", "550 5.1.1 gone", "release failed"},
		{"a refused sender", "MAIL", "550 5.1.8 no", "5.1.8", "release failed"},
		{"refused content", smtptest.Dot, "554 5.7.1 virus", "554 5.7.1 virus", "release failed"},
		{"deferred content", smtptest.Dot, "451 4.7.1 later", "451 4.7.1 later", "release failed"},
		{"a refused DATA", "DATA", "451 4.3.0 later", "451 4.3.0 later", "release failed"},
		{"no answer after the dot", smtptest.Dot, smtptest.Hangup, "the next hop may have the message", "release uncertain"},
		{"nonsense after the dot", smtptest.Dot, "what?", "the next hop may have the message", "release uncertain"},
		{"a banner that refuses", smtptest.Greeting, "554 no", "554", "release failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.nextHopSaysTo(c.verb, c.says)
			err := g.release(id)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), g.sink.Addr().String()) {
				t.Errorf("release: %v; want %q and the next hop named", err, c.want)
			}
			g.wantState(id, store.StateHeld)
			if history, err := g.server.Store().History(t.Context(), id); err != nil || history[len(history)-1].What != c.history {
				t.Errorf("the history says %+v, %v; want %s", history, err, c.history)
			}
		})
	}
	g.nextHopSaysTo("", "")
	if err := g.release(id); err != nil || g.sink.Count() != 1 {
		t.Errorf("at last: %v, %d messages at the next hop", err, g.sink.Count())
	}
	g.wantState(id, store.StateReleased)
}

// One address that is gone must not keep the message from all the others.
func TestAReleaseGoesToThoseTheNextHopTakes(t *testing.T) {
	g := newStage(t, script{})
	carol, dora := "carol@example.com", "dora@example.com"
	id := g.spoofHeld(crook, []string{bob, carol, dora}, spoofMail())
	for _, c := range []struct {
		name        string
		bob, carol  string
		dora        string
		want        []string // of the error; nil: it is released
		refused, to []string
	}{
		{"one is to come later", "", "550 5.1.1 gone", "452 4.2.2 full", []string{"452 4.2.2 full to <" + dora}, nil, nil},
		{"nobody is taken", "550 5.1.1 gone", "550 gone", "571 5.7.1 no", []string{"550 5.1.1 gone to <" + bob, "550 gone to <" + carol, "571 5.7.1 no to <" + dora}, nil, nil},
		{"we may not relay", "", "554 5.7.1 relay access denied", "", []string{"refused", "<" + carol}, nil, nil},
		{"one is gone", "", "550 5.1.1 gone", "", nil, []string{"<" + carol + ">: 550 5.1.1 gone"}, []string{bob, dora}},
	} {
		says := map[string]string{"TO:<" + bob + ">": c.bob, "TO:<" + carol + ">": c.carol, "TO:<" + dora + ">": c.dora}
		g.nextHopSays(func(verb, arg string) (string, bool) {
			return says[arg], verb == "RCPT" && says[arg] != ""
		})
		r, err := g.releaseTo(id)
		if c.want != nil {
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %v; want %q", c.name, err, part)
				}
			}
			g.wantState(id, store.StateHeld)
			if g.sink.Count() != 0 || len(r.Delivered)+len(r.Refused) != 0 {
				t.Errorf("%s: %+v, %d messages", c.name, r, g.sink.Count())
			}
			continue
		}
		var refused, to []string
		for _, one := range r.Refused {
			refused = append(refused, one.String())
		}
		for _, path := range r.Delivered {
			to = append(to, path.String())
		}
		if err != nil || !slices.Equal(refused, c.refused) || !slices.Equal(to, c.to) || !slices.Equal(r.NextHops, []string{g.sink.Addr().String()}) {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
		if got := g.sink.Messages(); len(got) != 1 || !slices.Equal(got[0].ForwardPaths, c.to) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	g.wantState(id, store.StateReleased)
	history, err := g.server.Store().History(t.Context(), id)
	if last := len(history) - 1; err != nil || history[last].What != "released" || history[last-1].Detail != "<"+carol+">: 550 5.1.1 gone" {
		t.Errorf("the history says %+v, %v", history, err)
	}
}

// sinkAt is one more next hop.
func sinkAt(t *testing.T, o smtptest.Options) *smtptest.Sink {
	t.Helper()
	s, err := smtptest.Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Domains may have moved since a message came: each recipient's next hop gets it, and
// the others do not hear of him.
func TestAReleaseGoesToTheNextHopOfEachRecipient(t *testing.T) {
	carol, dora := "carol@example.org", "dora@example.com"
	domain := func(nextHop string) string {
		return fmt.Sprintf("[[domain]]\nname = \"example.org\"\nnext_hop = %q\n", nextHop)
	}
	g := newStage(t, script{tail: domain("127.0.0.1:1")})
	other := sinkAt(t, smtptest.Options{})
	moved := func(nextHop string) {
		g.configure(stageConfig(script{tail: domain(nextHop), dataDir: g.cfg.DataDir}, g.sink.Target(), g.dns.Addr().String()))
	}
	moved("127.0.0.1:1") // nobody listens there
	id := g.spoofHeld(crook, []string{bob, dora}, spoofMail())
	h, err := g.server.Store().Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	h.ID += "-2"
	h.Envelope.ForwardPaths = []mail.Address{h.Envelope.ForwardPaths[0], {Local: "carol", Domain: "example.org"}, h.Envelope.ForwardPaths[1]}
	if err := g.server.Store().Quarantine(t.Context(), h, strings.NewReader(spoofMail())); err != nil {
		t.Fatal(err)
	}
	r, err := g.releaseTo(h.ID)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || len(r.Delivered) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	g.wantState(h.ID, store.StateHeld)
	moved(other.Target())
	if r, err = g.releaseTo(h.ID); err != nil || len(r.Delivered) != 1 || !slices.Equal(r.NextHops, []string{other.Addr().String()}) {
		t.Errorf("%+v, %v", r, err)
	}
	g.wantState(h.ID, store.StateReleased)
	if got := g.sink.Messages(); len(got) != 1 || !slices.Equal(got[0].ForwardPaths, []string{bob, dora}) {
		t.Errorf("at the first: %+v", got)
	}
	if got := other.Messages(); len(got) != 1 || !slices.Equal(got[0].ForwardPaths, []string{carol}) {
		t.Errorf("at the other: %+v", got)
	}
}

// LMTP answers for each recipient by himself, so each gets a transaction.
func TestAReleaseOverLMTPReachesAll(t *testing.T) {
	g := newStage(t, script{})
	carol, dora := "carol@example.com", "dora@example.com"
	id := g.spoofHeld(crook, []string{bob, carol, dora}, spoofMail())
	var full atomic.Bool
	full.Store(true)
	boxes := sinkAt(t, smtptest.Options{LMTP: true, Reply: func(verb, arg string) (string, bool) {
		switch {
		case verb == "RCPT" && strings.Contains(arg, carol):
			return "550 5.1.1 gone", true
		case verb == smtptest.Dot && strings.Contains(arg, dora) && full.Load():
			return "452 4.2.2 full", true
		}
		return "", false
	}})
	g.configure(stageConfig(script{tail: fmt.Sprintf("[[next_hop]]\nname = \"boxes\"\nhosts = [%q]\nprotocol = \"lmtp\"\n", boxes.Target()), dataDir: g.cfg.DataDir}, "boxes", g.dns.Addr().String()))
	r, err := g.releaseTo(id)
	if err == nil || !strings.Contains(err.Error(), "452 4.2.2 full") || len(r.Delivered) != 1 || len(r.Refused) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	g.wantState(id, store.StateHeld)
	full.Store(false)
	if r, err := g.releaseTo(id); err != nil || len(r.Delivered) != 1 || len(r.Refused) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	g.wantState(id, store.StateReleased)
	var to []string
	for _, m := range boxes.Messages() {
		to = append(to, m.ForwardPaths...)
	}
	if !slices.Equal(to, []string{bob, dora}) {
		t.Errorf("delivered to %q", to)
	}
}

func TestAReleaseToANextHopThatIsDownLeavesTheMessageHeld(t *testing.T) {
	g := newStage(t, script{})
	id := g.spoofHeld(crook, []string{bob}, spoofMail())
	g.sink.Close()
	err := g.release(id)
	if _, refused := errors.AsType[*net.OpError](err); !refused {
		t.Errorf("release: %v", err)
	}
	g.wantState(id, store.StateHeld)
}

// What is odd enough to be quarantined can be odd in other ways too.
func TestOddMessagesAreReleasedAsTheyCame(t *testing.T) {
	g := newStage(t, script{})
	for i, c := range []struct{ name, content string }{
		{"nothing", ""},
		{"no header section", "\r\nonly a body\r\n"},
		{"no empty line", "no colon here\r\n"},
		{"a leading continuation line", "\tof nothing\r\nFrom: " + bob + "\r\n\r\nx\r\n"},
		{"dots", ".\r\n..\r\n\r\n.\r\n"},
		{"more than fits in memory", spoofMail() + strings.Repeat("0123456789012345678901234567890\r\n", 50_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := g.release(g.spoofHeld(crook, []string{bob}, c.content)); err != nil {
				t.Fatal(err)
			}
			got := g.sink.Messages()
			if len(got) != i+1 {
				t.Fatalf("%d messages at the next hop, want %d", len(got), i+1)
			}
			block, ok := strings.CutSuffix(string(got[i].Content), c.content)
			names := []string{"X-Mxgate-Released", "Received"}
			if strings.HasPrefix(c.content, "\t") { // it must not continue ours
				names = append(names, "Comments")
			}
			if err := blockFault(block, names...); err != nil || !ok {
				t.Errorf("altered: %v, %.400q", err, got[i].Content)
			}
		})
	}
}

func TestADeletedMessageCannotBeReleased(t *testing.T) {
	g := newStage(t, script{})
	id := g.spoofHeld(crook, []string{bob}, spoofMail())
	if err := g.server.Store().Delete(t.Context(), id, "erika"); err != nil {
		t.Fatal(err)
	}
	if err := g.release(id); !errors.Is(err, store.ErrState) || g.sink.Count() != 0 {
		t.Errorf("release: %v, %d messages at the next hop", err, g.sink.Count())
	}
	if err := g.release("nosuchmessage"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("release of a message that is none: %v", err)
	}
}
