package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// way is what a network lets its machines out to, or not.
type way struct {
	outside bool // through the Internet
	four    bool
	port    uint16
}

func wayTo(addr netip.Addr, port uint16) way { return way{outside(addr), addr.Is4(), port} }

// String tells what to think of if nobody answers that way.
func (w way) String() string {
	switch {
	case !w.outside:
		return "inside"
	case w.four:
		return "over IPv4"
	}
	return "over IPv6"
}

// hear notes that a server answered which is not on this machine.
func (p *Prober) hear(w way, server string) {
	if p.heard[w] == "" {
		p.heard[w] = server
	}
}

// witness returns a server that answered this way, "" if none did. One on port 25
// speaks for the others: that is the port which networks close first.
func (p *Prober) witness(w way) string {
	if server := p.heard[w]; server != "" {
		return server
	}
	w.port = smtpPort
	return p.heard[w]
}

// unreached tells why there was no connection. What that means depends on whether
// this network lets us out, and is judged when all was asked: silence is set.
func (p *Prober) unreached(ctx context.Context, addr netip.Addr, err error) Answer {
	a := Answer{Verdict: Unknown, Step: Connect}
	timeout, isTimeout := errors.AsType[net.Error](err)
	refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
	unreachable := errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
	switch {
	case ctx.Err() != nil:
		a.Why = stopped
	case isTimeout && timeout.Timeout():
		a.Why, a.silence = fmt.Sprintf("no answer in %s", p.ConnectTimeout), Closed
	case refused:
		a.Why, a.silence = "the connection was refused", Closed
		if !outside(addr) { // by the machine itself
			a.Verdict, a.silence = Closed, ""
		}
	case unreachable && outside(addr):
		a.Why, a.silence = "unreachable", Closed
	default: // a fault of this machine, or one that is not known to be none
		a.Why = fmt.Sprintf("%.200q", err.Error())
	}
	return a
}

// compare greets exchangers, which must answer, of each family in which somebody
// on the Internet was silent and nobody is known to answer.
func (p *Prober) compare(ctx context.Context, results []Result) {
	var asked []netip.Addr // on port 25: whether these answer is known
	for _, r := range results {
		if r.Verdict != Provider && slices.Contains(p.Ports, smtpPort) {
			asked = append(asked, r.Address)
		}
	}
	for _, four := range []bool{true, false} {
		if slices.ContainsFunc(results, func(r Result) bool { return r.Address.Is4() == four && outside(r.Address) && p.puzzles(r) }) {
			p.greetOne(ctx, four, asked)
		}
	}
}

// puzzles reports whether a silence of r may be that of this network.
func (p *Prober) puzzles(r Result) bool {
	return r.From != r.Address.String() && slices.ContainsFunc(r.Ports, func(a Answer) bool {
		return a.silence != "" && p.witness(wayTo(r.Address, a.Port)) == ""
	})
}

// greetOne greets exchangers of a family that were not asked, until one answers.
func (p *Prober) greetOne(ctx context.Context, four bool, asked []netip.Addr) {
	tried := 0
	for _, x := range p.Exchangers {
		if x.Addr.Is4() != four || !outside(x.Addr) || slices.Contains(asked, x.Addr) || tried == maxComparisons || ctx.Err() != nil {
			continue
		}
		tried++
		p.tell("%s, to compare", x.Host)
		if p.greets(ctx, x) {
			p.hear(wayTo(x.Addr, smtpPort), x.Host)
			return
		}
	}
}

// greets reports whether an exchanger on another machine greets, and leaves it.
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
	return near(conn) != x.Addr && slices.Contains([]int{220, 421, 554}, code)
}

// judgeSilence sets the verdict of r, and of its ports that did not speak: closed,
// or out of reach from here.
func (p *Prober) judgeSilence(ctx context.Context, r *Result) {
	compared, spoke, blocked, over := "", false, []string{}, way{}
	for i := range r.Ports {
		a := &r.Ports[i]
		w := wayTo(r.Address, a.Port)
		server := p.witness(w)
		switch {
		case a.silence == "":
			spoke = spoke || a.Reply.Code != 0
		case server != "" || r.From == r.Address.String(): // no network is between
			a.Verdict, compared = a.silence, server
		case ctx.Err() != nil:
			a.Verdict = Unknown
			a.Why += "; stopped before that could be compared"
		default:
			a.Verdict = Unknown
			blocked, over = append(blocked, strconv.Itoa(int(a.Port))), w
		}
		if a.Verdict.Worse(r.Verdict) {
			r.Verdict = a.Verdict
		}
	}
	if len(blocked) > 0 { // once: it is about this network, not about a port
		ports := "port " + blocked[0]
		if len(blocked) > 1 {
			ports = "ports " + strings.Join(blocked, ", ")
		}
		r.Notes = append(r.Notes, fmt.Sprintf("no other mail server answers %s: from here %s may be blocked; ask from elsewhere", over, ports))
	}
	if compared != "" && !spoke {
		r.Notes = append(r.Notes, fmt.Sprintf("compared with %s, which answers from here", compared))
	}
}
