package gateway

import (
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/store"
	"mxgate/policy/dns"
)

// Authors whose DNS is slow do not hold all connections of a source: beyond half of
// them a message waits for a moment only.
func TestSlowDNSHoldsHalfOfASourceAtMost(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nconnections_per_source = 4\n[policy]\ntime_budget = \"6s\"\n"})
	g.dns.Behave(dnstest.Behaviour{Delay: time.Minute})
	var sessions []*talk
	for range 3 { // each with its content under way
		c := g.dial()
		c.must(t, "MAIL FROM:<"+partner+">", "250")
		c.must(t, "RCPT TO:<"+bob+">", "250")
		c.must(t, "DATA", "354")
		sessions = append(sessions, c)
	}
	took := make([]time.Duration, len(sessions))
	var wg sync.WaitGroup
	for i, c := range sessions {
		wg.Go(func() {
			start := time.Now()
			if reply, err := c.ask(stuffed(cleanMail()) + "."); err != nil || !strings.HasPrefix(reply, "451 ") {
				t.Errorf("%q, %v", reply, err)
			}
			took[i] = time.Since(start)
		})
		eventually(t, "it is being judged", func() bool {
			g.server.pipeline.judging.mu.Lock()
			defer g.server.pipeline.judging.mu.Unlock()
			return g.server.pipeline.judging.n["the-provider"] == i+1
		})
	}
	wg.Wait()
	if took[0] < 5*time.Second || took[1] < 5*time.Second || took[2] < hurriedWait || took[2] > 5*time.Second {
		t.Errorf("they took %v", took)
	}
	if n := g.server.pipeline.judging.n["the-provider"]; n != 0 {
		t.Errorf("%d are counted still", n)
	}
	start := time.Now()
	g.deliver(partner, []string{bob}, strings.Repeat("X-Padding: "+strings.Repeat("x", 60)+"\r\n", 1000)+cleanMail())
	if took := time.Since(start); took < hurriedWait || took > 5*time.Second {
		t.Errorf("a large header was held for %v", took)
	}
}

// A message that may wait for a moment only is not judged without what it did not wait
// for, however often it comes; and when it comes again it may wait.
func TestWhoIsHurriedIsNotJudgedForIt(t *testing.T) {
	const zone = stageZone + `
slow.example         TXT "v=spf1 include:a.slow.example -all"
a.slow.example       TXT "v=spf1 include:b.slow.example -all"
b.slow.example       TXT "v=spf1 ip4:192.0.2.10 -all"
_dmarc.slow.example  TXT "v=DMARC1; p=reject"
`
	z, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	z.Behave(dnstest.Behaviour{
		Change: func(m *mdns.Msg) {
			for _, rr := range m.Answer {
				rr.Header().Ttl = 1
			}
		},
		Before: func(name, _ string) {
			if name == "a.slow.example" || name == "b.slow.example" {
				time.Sleep(1500 * time.Millisecond)
			}
		},
	})
	g := newStage(t, script{dns: z.Addr().String(), tail: "[policy]\ndefer_at_most = \"1s\"\n"})
	padding := strings.Repeat("X-Padding: "+strings.Repeat("x", 60)+"\r\n", 1000)
	text := padding + compose("192.0.2.10", "From: Anna <anna@slow.example>", "To: "+bob, "Subject: Offer")
	comes := func(want store.Outcome, says string) {
		t.Helper()
		e := g.entry(g.deliver("anna@slow.example", []string{bob}, text))
		if e.Outcome != want || !strings.Contains(e.Sentence, says) {
			t.Errorf("%s %s %s: %s", e.Outcome, e.Disposition, e.Reason, e.Sentence)
		}
	}
	for range mostPatient {
		g.server.pipeline.patient <- struct{}{}
	}
	const hurried = "DNS was waited for only for a moment"
	comes(store.Deferred, hurried)
	time.Sleep(1200 * time.Millisecond) // beyond TTL and defer_at_most
	comes(store.Deferred, hurried)
	<-g.server.pipeline.patient
	time.Sleep(1200 * time.Millisecond)
	comes(store.Relayed, "slow.example")
	if n := len(g.server.pipeline.patient); n != mostPatient-1 {
		t.Errorf("%d are patient still", n-mostPatient+1)
	}
}

// What a message that may wait for a moment only did not wait for may prove who passed
// it on, or whose a look-alike is: it is deferred, not held.
func TestWhoIsHurriedIsNotHeldWithoutAProof(t *testing.T) {
	ofList := "list.example; dkim=pass header.d=partner.example; dmarc=pass header.from=partner.example"
	original, authorKey := signed(t, "partner.example", "From: Anna <"+partner+">\r\nTo: "+bob+"\r\nSubject: Offer\r\nMessage-ID: <1@partner.example>\r\n\r\nHello.\r\n")
	changed := original + "-- the list\r\n"
	signedAgain, listKey := signed(t, "list.example", changed)
	const twin = "news@1indqvist.example"
	ofTwin, targetKey := signed(t, "lindqvist.example", "From: News <"+twin+">\r\nTo: "+bob+"\r\nSubject: Offer\r\nMessage-ID: <2@1indqvist.example>\r\n\r\nHello.\r\n")
	const forwarder = "[[forwarder]]\nname = \"the list\"\nowner = \"erika\"\nwhy = \"a test\"\n"
	for _, c := range []struct{ name, from, client, tail, text string }{
		{"a sealer", "bounce@bulk.example", "203.0.113.66", "[policy]\nsealers = [\"list.example\"]\n", sealed(t, "list.example", ofList, changed)},
		{"a forwarder that signs", "bounce@bulk.example", "203.0.113.66", forwarder + "dkim = [\"list.example\"]\n", signedAgain},
		{"a forwarder that seals", "bounce@bulk.example", "203.0.113.66", forwarder + "sealers = [\"list.example\"]\n", sealed(t, "list.example", ofList, changed)},
		{"whom a look-alike resembles", twin, "203.0.113.66", "[protect]\ndomains = [\"lindqvist.example\"]\n", ofTwin},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			z, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, stageZone+authorKey+listKey+targetKey+sealer(t, "list.example")))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(z.Close)
			z.Behave(dnstest.Behaviour{
				Before: func(name, _ string) {
					if strings.HasSuffix(name, "_domainkey.list.example") || strings.HasSuffix(name, "_domainkey.lindqvist.example") {
						time.Sleep(hurriedWait + time.Second)
					}
				},
				Change: func(m *mdns.Msg) { // asked for anew when it comes again
					for _, rr := range m.Answer {
						rr.Header().Ttl = 1
					}
				},
			})
			g := newStage(t, script{dns: z.Addr().String(), tail: "[limits]\nconnections_per_source = 2\n" + c.tail})
			_, leave := g.server.pipeline.judging.enter("the-provider", 1) // as if another were judged
			defer leave()
			text := fromProvider(c.client) + c.text
			if e := g.entry(g.deliver(c.from, []string{bob}, text)); e.Outcome != store.Deferred || !strings.Contains(e.Sentence, "only for a moment") {
				t.Errorf("in a hurry: %s %s %s: %s", e.Outcome, e.Disposition, e.Reason, e.Sentence)
			}
			time.Sleep(2500 * time.Millisecond) // what was asked for then has been answered, and is over
			if e := g.entry(g.deliver(c.from, []string{bob}, text)); e.Outcome != store.Relayed || e.Disposition != "relay" {
				t.Errorf("when it comes again: %s %s %s: %s", e.Outcome, e.Disposition, e.Reason, e.Sentence)
			}
		})
	}
}
