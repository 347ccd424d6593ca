package gateway

import (
	"sync"
	"time"
)

// hurriedWait is how long a message waits for DNS while many of its source do: senders
// whose name servers are slow must not take all connections of a provider, and those of
// the next hop, from the others. What cannot be judged so soon comes again.
const hurriedWait = 2 * time.Second

// mostPatient is how many of those that came again wait as long as others do all the
// same: an author whose DNS takes longer must get through at last.
const mostPatient = 16

// hurriedHeader is the size of a header section from which a message always waits as
// little: what is read of it is held in memory meanwhile, beyond
// limits.memory_octets_total. Honest ones are a tenth of that.
const hurriedHeader = 64 << 10

// crowd counts the messages that are being judged, by source.
type crowd struct {
	mu sync.Mutex
	n  map[string]int
}

// enter counts one more and reports whether there were most already; leave ends it.
func (c *crowd) enter(source string, most int) (many bool, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	many = c.n[source] >= max(1, most)
	c.n[source]++
	return many, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n[source]--
	}
}
