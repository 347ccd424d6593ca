package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mxgate/policy/dns"
)

// Asked is one DNS question that a message caused, and what came back: a part of
// Explained, whose names are a contract.
type Asked struct {
	Type      string        `json:"type"`
	Name      string        `json:"name"`
	Answer    []string      `json:"answer,omitempty"` // records as text, TXT without quotes
	Error     string        `json:"error,omitempty"`  // why there is no answer, in words
	Authentic bool          `json:"authentic,omitempty"`
	Took      time.Duration `json:"took_ns"` // about nothing if it came from memory
}

// String is one line for people, TXT records quoted: anybody may publish anything.
func (a Asked) String() string {
	text := a.Error
	if text == "" {
		records := slices.Clone(a.Answer)
		if a.Type == "TXT" {
			for i, r := range records {
				records[i] = strconv.Quote(r)
			}
		}
		text = strings.Join(records, ", ")
	}
	if a.Authentic {
		text += " [DNSSEC]"
	}
	return fmt.Sprintf("%s %s: %s (%s)", a.Type, a.Name, text, a.Took.Round(time.Microsecond))
}

// asking collects the questions of one message, each once: what a check has
// learnt another often asks again, of memory.
type asking struct {
	mu    sync.Mutex // a check that gave up may leave questions behind
	seen  map[string]bool
	asked []Asked
}

// all are those that were answered until now.
func (c *asking) all() []Asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// note is for dns.Traced.
func (c *asking) note(q dns.Question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := Asked{Type: q.Type, Name: q.Name, Answer: q.Answer, Error: whyNoAnswer(q.Err), Authentic: q.Authentic, Took: q.Took}
	key := fmt.Sprintf("%s %s %q %s", a.Type, strings.ToLower(a.Name), a.Answer, a.Error)
	if c.seen[key] {
		return
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[key] = true
	c.asked = append(c.asked, a)
}

// whyNoAnswer says in words what DNS did not say; "" for nil.
func whyNoAnswer(err error) string {
	var cause string
	if e, ok := errors.AsType[*dns.Error](err); ok && e.Cause != nil {
		cause = ": " + e.Cause.Error()
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, dns.ErrNoSuchName):
		return "no such name"
	case errors.Is(err, dns.ErrNoData):
		return "no such record"
	case errors.Is(err, dns.ErrPermanent):
		return "cannot be asked" + cause
	}
	return "no answer" + cause
}
