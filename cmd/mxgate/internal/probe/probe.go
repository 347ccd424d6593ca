package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"mxgate/policy/mail"
)

// MaxRecipients is how many recipients are asked for on one connection: few
// enough that no server takes it for a search for mailboxes.
const MaxRecipients = 10

// Limits of time and number that nobody needs to change.
const (
	talkTimeout    = 2 * time.Minute // of one conversation
	maxComparisons = 3               // exchangers tried, of each family
	smtpPort       = 25
)

const stopped = "stopped before it was over"

// Prober asks. Its fields are not changed while it does; it is used by one
// goroutine at a time.
type Prober struct {
	Recipients  []mail.Address // at least one, ASCII; asked for in this order, MaxRecipients at most
	ReversePath mail.Address   // the zero Address is the null reverse-path, which nobody may refuse: RFC 5321, Section 4.5.5
	Hello       string         // argument of EHLO; "": the address of our end
	Ports       []uint16

	// Source names the source that an address belongs to, "" if none; known says
	// that it is a provider of the catalogue, and so its ranges are no network of ours.
	Source func(netip.Addr) (name string, known bool)
	// Exchangers are greeted where that is needed for comparison.
	Exchangers []Exchanger
	// Progress, if not nil, is told whom is asked next.
	Progress func(whom string)

	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	ConnectTimeout time.Duration
	ReplyTimeout   time.Duration // of one reply
	Pause          time.Duration // between two connections

	heard map[way]string // which server answered that way
	last  time.Time      // end of the last connection
}

// Result is what one address said. Its JSON names are a contract.
type Result struct {
	Hosts   []string   `json:"hosts"`
	Address netip.Addr `json:"address"`
	Verdict Verdict    `json:"verdict"` // the worst of its ports
	From    string     `json:"from"`    // our end's address, as this machine sees it; "" if nothing answered
	Notes   []string   `json:"notes"`
	Ports   []Answer   `json:"ports"`
}

// Ask asks every port of every target, and judges silence last: whoever answers
// later tells whether this network let the question out at all. When ctx ends, what
// is left is Unknown.
func (p *Prober) Ask(ctx context.Context, targets []Target) []Result {
	p.heard = map[way]string{}
	var results []Result
	for i, t := range targets {
		p.tell("%s, %d of %d", t.Addr, i+1, len(targets))
		results = append(results, p.askTarget(ctx, t))
	}
	p.compare(ctx, results)
	for i := range results {
		p.judgeSilence(ctx, &results[i])
		p.note(&results[i])
	}
	return results
}

func (p *Prober) tell(format string, args ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, args...))
	}
}

// askTarget asks every port of a target. The Verdict is not set, unless nothing is
// asked.
func (p *Prober) askTarget(ctx context.Context, t Target) Result {
	r := Result{Hosts: t.Hosts, Address: t.Addr, Notes: []string{}, Ports: []Answer{}}
	source, known := p.Source(t.Addr)
	if known {
		r.Verdict = Provider
		r.Notes = append(r.Notes, fmt.Sprintf("is an address of source %q: not asked, for strangers are to get in there", source))
		return r
	}
	if source != "" {
		r.Notes = append(r.Notes, fmt.Sprintf("is an address of source %q", source))
	}
	for _, port := range p.Ports {
		a, from := p.askPort(ctx, t, port)
		if a.hungUp { // once may be chance
			if a, _ = p.askPort(ctx, t, port); a.hungUp {
				a.Why, a.silence = "it takes the connection and closes it without a word, twice", Refused
			}
		}
		if from.IsValid() {
			r.From = from.String()
		}
		r.Ports = append(r.Ports, a)
	}
	return r
}

// note adds what one has to know about the answers.
func (p *Prober) note(r *Result) {
	for _, x := range p.Exchangers {
		if x.Addr == r.Address {
			r.Notes = append(r.Notes, fmt.Sprintf("%s is in the MX of %s: all the world is sent here", x.Host, x.Domain))
			break
		}
	}
	if r.Verdict == Provider {
		return
	}
	from, err := netip.ParseAddr(r.From)
	switch {
	case err == nil && from == r.Address:
		r.Notes = append(r.Notes, "asked from the same machine: that says nothing of a firewall; ask from outside as well")
	case !outside(r.Address):
		r.Notes = append(r.Notes, "no address of the Internet: it was asked from inside, and that says nothing of the firewall; ask from outside as well")
	}
	if err != nil {
		return
	}
	if source, _ := p.Source(from); source != "" {
		r.Notes = append(r.Notes, fmt.Sprintf("asked from %s, which belongs to source %q: no stranger; ask from elsewhere", from, source))
	}
}

// errSlow is why a conversation ends that takes longer than talkTimeout.
var errSlow = errors.New("it answers too slowly")

// askPort asks one port. from is our end, if there was a connection.
func (p *Prober) askPort(ctx context.Context, t Target, port uint16) (a Answer, from netip.Addr) {
	conn, err := p.connect(ctx, t.Addr, port)
	if err != nil {
		a = p.unreached(ctx, t.Addr, err)
		a.Port = port
		return a, netip.Addr{}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, talkTimeout, errSlow)
	defer cancel()
	from = near(conn)
	a = p.talkTo(ctx, conn, t.Hosts[0], port == implicitTLS)
	a.Port = port
	p.last = time.Now()
	if a.Reply.Code != 0 && from != t.Addr && !t.Addr.IsLoopback() {
		p.hear(wayTo(t.Addr, port), t.Hosts[0])
	}
	return a, from
}

// near is the address of our end.
func near(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// connect waits for the pause and dials.
func (p *Prober) connect(ctx context.Context, addr netip.Addr, port uint16) (net.Conn, error) {
	if !p.last.IsZero() {
		pause := time.NewTimer(time.Until(p.last.Add(p.Pause)))
		defer pause.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-pause.C:
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.ConnectTimeout)
	defer cancel()
	conn, err := p.Dial(ctx, "tcp", place(addr, port))
	p.last = time.Now()
	return conn, err
}
