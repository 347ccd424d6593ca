package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
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
	smtpPort       = 25              // what a network may keep its machines from
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

	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	ConnectTimeout time.Duration
	ReplyTimeout   time.Duration // of one reply
	Pause          time.Duration // between two connections

	reached map[string]bool // by family: whether mail servers can be reached from here
	last    time.Time       // end of the last connection
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

// Ask asks every port of a target.
func (p *Prober) Ask(ctx context.Context, t Target) Result {
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
		a.Port = port
		if a.hungUp && a.Verdict == Unclear && ctx.Err() == nil { // once may be chance
			if a, _ = p.askPort(ctx, t, port); a.hungUp {
				a.Verdict, a.Why = Refused, "it takes the connection and closes it without a word, twice"
			}
			a.Port = port
		}
		if a.Verdict.Worse(r.Verdict) {
			r.Verdict = a.Verdict
		}
		if from.IsValid() {
			r.From = from.String()
		}
		r.Ports = append(r.Ports, a)
	}
	p.note(&r)
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

// askPort asks one port. from is our end, if there was a connection.
func (p *Prober) askPort(ctx context.Context, t Target, port uint16) (a Answer, from netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, talkTimeout)
	defer cancel()
	conn, err := p.connect(ctx, t.Addr, port)
	if err != nil {
		return p.unreached(ctx, t.Addr, err), netip.Addr{}
	}
	if at, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		from = at.Addr().Unmap()
	}
	a = p.talkTo(ctx, conn, t.Hosts[0], port == implicitTLS)
	p.last = time.Now()
	if a.Reply.Code != 0 && outside(t.Addr) && port == smtpPort {
		p.heard(t.Addr)
	}
	return a, from
}

// heard notes that a mail server of the family of addr has answered.
func (p *Prober) heard(addr netip.Addr) {
	if p.reached == nil {
		p.reached = map[string]bool{}
	}
	p.reached[family(addr)] = true
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

// unreached judges that there was no connection: whether the host is closed or
// this network lets nobody out.
func (p *Prober) unreached(ctx context.Context, addr netip.Addr, err error) Answer {
	a := Answer{Verdict: Unknown, Step: Connect}
	timeout, isTimeout := errors.AsType[net.Error](err)
	silent := isTimeout && timeout.Timeout()
	refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
	unreachable := errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
	switch {
	case ctx.Err() != nil:
		a.Why = stopped
		return a
	case silent:
		a.Why = fmt.Sprintf("no answer in %s", p.ConnectTimeout)
	case refused:
		a.Why = "the connection was refused"
	case unreachable && outside(addr):
		a.Why = "unreachable"
	default: // a fault of this machine, or one that is not known to be none
		a.Why = fmt.Sprintf("%.200q", err.Error())
		return a
	}
	if !outside(addr) || p.compare(ctx, addr) {
		a.Verdict = Closed
		return a
	}
	a.Why += fmt.Sprintf("; but no other mail server answered over %s either: this network may let nobody out to mail servers; ask from elsewhere", family(addr))
	return a
}

// compare reports whether any mail server answers from here over the family of
// addr: an exchanger of ours, which must. It is found out once.
func (p *Prober) compare(ctx context.Context, addr netip.Addr) bool {
	if done, ok := p.reached[family(addr)]; ok {
		return done
	}
	if p.reached == nil {
		p.reached = map[string]bool{}
	}
	tried := 0
	for _, x := range p.Exchangers {
		if x.Addr == addr || !outside(x.Addr) || family(x.Addr) != family(addr) || tried == maxComparisons {
			continue
		}
		tried++
		if p.greets(ctx, x) {
			p.reached[family(addr)] = true
			return true
		}
	}
	if ctx.Err() == nil {
		p.reached[family(addr)] = false
	}
	return false
}

// greets reports whether an exchanger greets, and leaves it.
func (p *Prober) greets(ctx context.Context, x Exchanger) bool {
	conn, err := p.connect(ctx, x.Addr, smtpPort)
	if err != nil {
		return false
	}
	t := &talk{p: p, conn: conn, host: x.Host, greeted: true}
	t.listen()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer t.leave()
	code := t.hear(Greeting).Reply.Code
	p.last = time.Now()
	return slices.Contains([]int{220, 421, 554}, code)
}
