package gateway

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
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
