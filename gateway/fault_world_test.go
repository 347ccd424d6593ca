package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/disk/disktest"
	"mxgate/gateway/ledger"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
)

// spoof is the next message that belongs in quarantine.
func (c *clerk) spoof(size int) ledger.Attempt {
	a := c.compose(size)
	a.Belong = ledger.Quarantine
	content, spoof := string(a.Content), spoofMail() // whose heads name the second they were written in
	a.Content = []byte(spoof[:strings.Index(spoof, "\r\nTo:")] + content[strings.Index(content, "\r\nTo:"):])
	return a
}

// deliver plays a and fails unless the answer begins with want.
func (c *clerk) deliver(a ledger.Attempt, want string) {
	c.g.t.Helper()
	if heard := c.play(a, smtptest.Cut{}); !strings.HasPrefix(heard.Answer(), want) {
		c.g.t.Errorf("<%s>: answered %q, want %q", a.ReversePath, heard.Answer(), want)
	}
}

// A disk that is full refuses what needs it for the time being, and no more; when
// there is room again, all is as before, the journal too. SMTP-DUTIES I7, F4, V8.
func TestDuty_V8_AFullDiskForgetsNothing(t *testing.T) {
	disk := disktest.Mount(t, "size=16m")
	g := newFaultStage(t, script{dataDir: filepath.Join(disk, "data"), tail: "[limits]\nmemory_octets = 8192\n"})
	c := &clerk{g: g}
	c.deliver(c.compose(0), "250 2.0.0 ")
	c.deliver(c.spoof(20<<10), "250 2.0.0 ")
	for _, left := range []int64{600 << 10, 64 << 10, 0} {
		empty := disktest.Fill(t, disk, left)
		c.deliver(c.compose(0), "250 2.0.0 ") // from memory
		c.deliver(c.spoof(0), "452 4.3.1 ")
		c.deliver(c.spoof(700<<10), "452 4.3.1 ")
		c.deliver(c.compose(700<<10), "452 4.3.1 ") // the spool
		c.deliver(c.compose(0), "250 2.0.0 ")
		empty()
		c.deliver(c.spoof(0), "250 2.0.0 ")
		c.deliver(c.compose(700<<10), "250 2.0.0 ")
	}
	g.audit(c.sent)
}

// When the clock of the machine jumps, mail goes on and is written down.
// SMTP-DUTIES M4.
func TestDuty_M4_Gateway_AClockThatJumpsStopsNothing(t *testing.T) {
	var ahead atomic.Int64
	g := newFaultStage(t, script{}, func(s *Server) {
		s.pipeline.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())).Round(0) } // the wall clock alone
	})
	c := &clerk{g: g}
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour, 10 * year, -10 * year, 100 * year, -40 * year} {
		ahead.Store(int64(jump))
		c.deliver(c.compose(0), "250 2.0.0 ")
		c.deliver(c.spoof(0), "250 2.0.0 ")
	}
	done := make(chan struct{})
	go func() { // ends with the deliveries
		for {
			select {
			case <-done:
				return
			default:
				ahead.Store(rand.Int64N(int64(2*year)) - int64(year))
			}
		}
	}()
	for range 20 { // while a transaction runs
		c.deliver(c.compose(0), "250 2.0.0 ")
		c.deliver(c.spoof(0), "250 2.0.0 ")
	}
	close(done)
	g.audit(c.sent)
}

// Without a resolver nothing is decided wrongly: what cannot be judged waits, and
// what needs no question is judged.
func TestDuty_I7_ADeadResolverDefers(t *testing.T) {
	g := newFaultStage(t, script{quick: "50ms"})
	c := &clerk{g: g}
	g.dns.Close()
	for range 3 {
		c.deliver(c.compose(0), "451 4.4.3 ")
		c.deliver(c.spoof(0), "250 2.0.0 ") // who claims to be us is not believed
	}
	g.audit(c.sent)
	if n := g.sink.Count(); n != 0 {
		t.Errorf("%d messages at the next hop", n)
	}
}

// gatedResolver finds no TXT record before open is closed: no message is judged.
type gatedResolver struct {
	dns.Resolver
	open chan struct{}
}

func (r *gatedResolver) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	select {
	case <-r.open:
	case <-ctx.Done():
	}
	return r.Resolver.TXT(ctx, name)
}

// A client that has gone when its message is taken will send it again: the
// journal knows of each second copy. SMTP-DUTIES I4, R12.
func TestDuty_I4_EverySecondCopyIsRecorded(t *testing.T) {
	for _, end := range []smtptest.End{smtptest.HangUp, smtptest.Abandon} {
		for _, belong := range []ledger.Place{ledger.NextHop, ledger.Quarantine} {
			t.Run(fmt.Sprintf("%s, %s", end, belong), func(t *testing.T) {
				gone := make(chan struct{})
				g := newFaultStage(t, script{}, func(s *Server) {
					s.pipeline.collector.Resolver = &gatedResolver{s.pipeline.collector.Resolver, gone}
				})
				c := &clerk{g: g}
				compose := c.compose
				if belong == ledger.Quarantine {
					compose = c.spoof
				}
				first := compose(0)
				first.Message = "m"
				octets := smtptest.Octets(smtptest.Letter{ReversePath: first.ReversePath, ForwardPaths: first.ForwardPaths, Content: first.Content}.Turns(false))
				c.play(first, smtptest.Cut{After: octets - len("QUIT\r\n"), End: end})
				close(gone)
				again := compose(0)
				again.Message = "m"
				c.deliver(again, "250 2.0.0 ")
				g.end()
				g.auditFiles(c.sent)
			})
		}
	}
}
