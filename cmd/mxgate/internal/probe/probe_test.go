package probe

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
)

// world is what a machine reaches: servers by "address:port", and what becomes of
// all other connections.
type world struct {
	servers map[string]*smtptest.Sink
	fate    func(ctx context.Context) error
	dialled []string
}

func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.dialled = append(w.dialled, addr)
	if s := w.servers[addr]; s != nil {
		return s.Dial(ctx, network, addr)
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: w.fate(ctx)}
}

// at are targets with these addresses.
func at(addrs ...netip.Addr) (targets []Target) {
	for _, a := range addrs {
		targets = append(targets, Target{[]string{"mail.example.com"}, a})
	}
	return targets
}

func refused(context.Context) error     { return syscall.ECONNREFUSED }
func unreachable(context.Context) error { return syscall.ENETUNREACH }
func forbidden(context.Context) error   { return syscall.EACCES }
func dropped(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// What does not answer is closed only if something else does: a network that keeps
// its machines from mail servers makes every host look closed.
func TestClosedNeedsAComparison(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::5")
	inside := netip.MustParseAddr("10.0.0.5")
	mx := Exchanger{"mx.provider.example", "example.com", netip.MustParseAddr("192.0.2.25")}
	mxInside := Exchanger{"mx.example.com", "example.com", netip.MustParseAddr("10.0.0.6")}
	for _, c := range []struct {
		name       string
		addr       netip.Addr
		fate       func(context.Context) error
		exchangers []Exchanger
		greeting   string // of the exchangers; "": they do not answer
		verdict    Verdict
	}{
		{"refused, and the MX answers", origin, refused, []Exchanger{mx}, "220 mx", Closed},
		{"dropped, and the MX answers", origin, dropped, []Exchanger{mx}, "220 mx", Closed},
		{"unreachable, and the MX answers", origin, unreachable, []Exchanger{mx}, "220 mx", Closed},
		{"dropped, and the MX is busy", origin, dropped, []Exchanger{mx}, "421 busy", Closed},
		{"dropped, and the MX refuses us", origin, dropped, []Exchanger{mx}, "554 no", Closed},
		{"dropped, and what answers as the MX is no mail server", origin, dropped, []Exchanger{mx}, "200 OK", Unknown},
		{"dropped, and the MX is silent too", origin, dropped, []Exchanger{mx}, "", Unknown},
		{"refused, and the MX refuses connections too", origin, refused, []Exchanger{mx}, "", Unknown},
		{"no MX", origin, refused, nil, "", Unknown},
		{"itself is the MX", origin, refused, []Exchanger{{"mail.example.com", "example.com", origin}}, "", Unknown},
		{"the MX that answers is inside", origin, refused, []Exchanger{mxInside}, "220 mx", Unknown},
		{"IPv6, and the MX answers over IPv4", six, refused, []Exchanger{mx}, "220 mx", Unknown},
		{"our own fault", origin, forbidden, []Exchanger{mx}, "220 mx", Unknown},
		{"inside, refused", inside, refused, nil, "", Closed},
		{"inside, dropped", inside, dropped, nil, "", Unknown},
		{"inside, no way there", inside, unreachable, nil, "", Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{servers: map[string]*smtptest.Sink{}, fate: c.fate}
				s := smtptest.New(smtptest.Options{Reply: replies("CONNECT " + c.greeting)})
				defer s.Close()
				p := asking(s)
				p.Dial, p.Exchangers, p.Ports = w.dial, c.exchangers, []uint16{25, 587}
				for _, x := range c.exchangers {
					if c.greeting != "" {
						w.servers[place(x.Addr, 25)] = s
					}
				}
				r := p.Ask(t.Context(), at(c.addr))[0]
				if r.Verdict != c.verdict || len(r.Ports) != 2 || r.Ports[0].Step != Connect || r.Ports[1].Why == "" {
					t.Errorf("%+v, want %s", r, c.verdict)
				}
				if c.exchangers != nil && (r.Verdict == Closed) != strings.Contains(strings.Join(r.Notes, ""), "compared with mx.provider.example") {
					t.Errorf("%q", r.Notes)
				}
				asked := 0
				for _, d := range w.dialled {
					if !strings.HasPrefix(d, c.addr.String()) && !strings.HasPrefix(d, "["+c.addr.String()) {
						asked++
					}
				}
				if itself := len(w.dialled) - asked; itself != len(p.Ports) {
					t.Errorf("%d connections to the host itself: %q", itself, w.dialled)
				}
				if asked > 1 {
					t.Errorf("compared more than once: %q", w.dialled)
				}
				for _, session := range s.Sessions() {
					politely(t, session.Commands, false)
					if len(session.Commands) > 1 {
						t.Errorf("an exchanger was asked: %q", session.Commands)
					}
				}
			})
		})
	}
}

// asked is what becomes of questions to several addresses of a world.
func (w *world) asked(t *testing.T, change func(*Prober), addrs ...netip.Addr) []Result {
	t.Helper()
	p := asking(nil)
	p.Dial = w.dial
	change(p)
	return p.Ask(t.Context(), at(addrs...))
}

// The first to be asked must not be judged by less than the last.
func TestSilenceIsJudgedWhenAllWereAsked(t *testing.T) {
	second, six := netip.MustParseAddr("203.0.113.6"), netip.MustParseAddr("2001:db8::5")
	mx := Exchanger{"mx.provider.example", "example.com", netip.MustParseAddr("192.0.2.25")}
	inside, inside2 := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.6")
	for _, c := range []struct {
		name     string
		addrs    []netip.Addr
		ports    []uint16
		answers  string // who does
		verdicts string
		why      string // of the first
		dialled  int
	}{
		{"all are silent", []netip.Addr{origin, second}, []uint16{25, 587}, "", "unknown unknown", "no other mail server answers over IPv4: from here ports 25, 587 may be blocked; ask from elsewhere", 5},
		{"the last answers", []netip.Addr{origin, second}, []uint16{25, 587}, "203.0.113.6:25", "closed open", "no answer in 10s", 4},
		{"the last answers, on another port", []netip.Addr{origin, second}, []uint16{25, 587}, "203.0.113.6:587", "unknown open", "from here port 25 may be blocked", 5},
		{"the last answers, on the same port", []netip.Addr{origin, second}, []uint16{587}, "203.0.113.6:587", "closed open", "no answer in 10s", 2},
		{"the last answers, over IPv6", []netip.Addr{origin, six}, []uint16{25}, "[2001:db8::5]:25", "unknown open", "over IPv4: from here port 25", 3},
		{"only the comparison answers", []netip.Addr{origin, second}, []uint16{25}, "192.0.2.25:25", "closed closed", "no answer in 10s", 3},
		{"the comparison is asked itself", []netip.Addr{origin, mx.Addr}, []uint16{25}, "192.0.2.25:25", "closed open", "no answer in 10s", 2},
		{"the comparison is asked itself, on another port", []netip.Addr{mx.Addr}, []uint16{587}, "192.0.2.25:25", "closed", "no answer in 10s", 2},
		{"the comparison is asked itself, and silent", []netip.Addr{origin, mx.Addr}, []uint16{25}, "", "unknown unknown", "over IPv4: from here port 25", 2},
		{"inside, all are silent", []netip.Addr{inside, inside2}, []uint16{25}, "192.0.2.25:25", "unknown unknown", "inside: from here port 25 may be blocked", 2},
		{"inside, the last answers", []netip.Addr{inside, inside2}, []uint16{25}, "10.0.0.6:25", "closed open", "no answer in 10s", 2},
		{"inside is not outside", []netip.Addr{origin, inside}, []uint16{25}, "10.0.0.5:25", "unknown open", "over IPv4: from here port 25", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := smtptest.New(smtptest.Options{})
				defer s.Close()
				w := &world{servers: map[string]*smtptest.Sink{c.answers: s}, fate: dropped}
				var verdicts []string
				results := w.asked(t, func(p *Prober) { p.Exchangers, p.Ports = []Exchanger{mx}, c.ports }, c.addrs...)
				for _, r := range results {
					verdicts = append(verdicts, string(r.Verdict))
				}
				if got := strings.Join(verdicts, " "); got != c.verdicts || !strings.Contains(said(results[0]), c.why) || strings.Count(said(results[0]), "may be blocked") > 1 {
					t.Errorf("%s, %q; want %s, %q", got, said(results[0]), c.verdicts, c.why)
				}
				if len(w.dialled) != c.dialled {
					t.Errorf("%d connections, want %d: %q", len(w.dialled), c.dialled, w.dialled)
				}
			})
		})
	}
}

// said is all that is told of an address.
func said(r Result) string {
	var all []string
	for _, a := range r.Ports {
		all = append(all, a.Why)
	}
	return strings.Join(append(all, r.Notes...), "; ")
}

// A middlebox takes every connection and closes it: that is no refusal by the host.
func TestHangingUpIsComparedToo(t *testing.T) {
	mx := Exchanger{"mx.provider.example", "example.com", netip.MustParseAddr("192.0.2.25")}
	for greeting, want := range map[string]Verdict{"220 mx": Refused, smtptest.Hangup: Unknown} {
		synctest.Test(t, func(t *testing.T) {
			host := smtptest.New(smtptest.Options{Reply: replies("CONNECT " + smtptest.Hangup)})
			defer host.Close()
			other := smtptest.New(smtptest.Options{Reply: replies("CONNECT " + greeting)})
			defer other.Close()
			w := &world{servers: map[string]*smtptest.Sink{"203.0.113.5:25": host, "192.0.2.25:25": other}}
			r := w.asked(t, func(p *Prober) { p.Exchangers = []Exchanger{mx} }, origin)[0]
			if r.Verdict != want || len(host.Sessions()) != 2 || len(other.Sessions()) != 1 {
				t.Errorf("the MX says %q: %+v, want %s", greeting, r, want)
			}
		})
	}
}

// Whoever answers on this machine says nothing of the network.
func TestThisMachineIsNoComparison(t *testing.T) {
	s, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	own := netip.MustParseAddr("203.0.113.6")
	w := &world{fate: refused}
	change := func(p *Prober) {
		p.Pause, p.Exchangers = 0, []Exchanger{{"gate.example.com", "example.com", own}}
		p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != place(own, 25) {
				return w.dial(ctx, network, addr)
			}
			conn, err := new(net.Dialer).DialContext(ctx, network, s.Target())
			return from{conn, own}, err
		}
	}
	if r := w.asked(t, change, origin)[0]; r.Verdict != Unknown {
		t.Errorf("compared with this machine: %+v", r)
	}
	if r := w.asked(t, change, origin, own); r[0].Verdict != Unknown || r[1].Verdict != Open {
		t.Errorf("asked with this machine: %+v", r)
	}
}

// from is a connection whose end here has the given address.
type from struct {
	net.Conn
	addr netip.Addr
}

func (c from) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.addr, 40000)) }

// A pause may be longer than a conversation.
func TestALongPauseIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{})
		defer s.Close()
		p := asking(s)
		p.Ports, p.Pause = []uint16{25, 587}, 2*talkTimeout
		if r := p.Ask(t.Context(), at(origin))[0]; r.Ports[1].Verdict != Open {
			t.Errorf("%+v", r)
		}
	})
}

func TestStoppedIsNotCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{fate: refused}
		p := asking(nil)
		p.Dial, p.Exchangers = w.dial, []Exchanger{{"mx.provider.example", "example.com", netip.MustParseAddr("192.0.2.25")}}
		ctx, stop := context.WithTimeout(t.Context(), p.Pause/2)
		defer stop()
		r := p.Ask(ctx, at(origin))[0]
		if r.Verdict != Unknown || r.Ports[0].Why != "the connection was refused; stopped before that could be compared" || len(w.dialled) != 1 {
			t.Errorf("%+v, %q", r, w.dialled)
		}
	})
}

// Who has spoken needs no comparison to be believed.
func TestWhoSpokeIsNotComparedWithItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{})
		defer s.Close()
		w := &world{servers: map[string]*smtptest.Sink{"203.0.113.5:25": s}, fate: refused}
		r := w.asked(t, func(p *Prober) { p.Ports = []uint16{25, 587} }, origin)[0]
		if r.Verdict != Open || r.Ports[1].Verdict != Closed || len(r.Notes) != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestOneConnectionAtATimeAndAPauseBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{})
		defer s.Close()
		p := asking(s)
		p.Ports = []uint16{25, 587, 2525}
		var times []time.Time
		p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			times = append(times, time.Now())
			return s.Dial(ctx, network, addr)
		}
		p.Ask(t.Context(), at(origin, netip.MustParseAddr("203.0.113.6")))
		for i := range times[1:] {
			if gap := times[i+1].Sub(times[i]); gap < p.Pause {
				t.Errorf("%s between connections %d and %d", gap, i, i+1)
			}
		}
		if len(times) != 6 {
			t.Errorf("%d connections", len(times))
		}
	})
}

func TestAWorstPortIsTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{})
		defer s.Close()
		p := asking(s)
		w := &world{servers: map[string]*smtptest.Sink{"203.0.113.5:587": s}, fate: refused}
		p.Dial, p.Ports = w.dial, []uint16{25, 587, 2525}
		if r := p.Ask(t.Context(), at(origin))[0]; r.Verdict != Open || r.Ports[0].Verdict != Unknown {
			t.Errorf("%+v", r)
		}
	})
}

func TestAddressesOfSources(t *testing.T) {
	for _, c := range []struct {
		name  string
		known bool
		want  Verdict
		note  string
	}{
		{"of a provider of the catalogue are not asked", true, Provider, `is an address of source "the-source": not asked`},
		{"of others are", false, Open, `is an address of source "the-source"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, sessions := ask(t, smtptest.Options{}, func(p *Prober) {
				p.Source = func(netip.Addr) (string, bool) { return "the-source", c.known }
			})
			if r.Verdict != c.want || len(sessions) > 0 == c.known || len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0], c.note) {
				t.Errorf("%+v, %d sessions", r, len(sessions))
			}
		})
	}
}

func TestNotesTellWhatAnAnswerIsWorth(t *testing.T) {
	s, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := asking(s)
	p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Target())
	}
	p.Source = func(a netip.Addr) (string, bool) { return map[bool]string{true: "the-source"}[a.IsLoopback()], false }
	p.Exchangers = []Exchanger{{"mail.example.com", "example.com", origin}}
	r := p.Ask(t.Context(), at(origin))[0]
	for i, want := range []string{"mail.example.com is in the MX of example.com", `asked from 127.0.0.1, which belongs to source "the-source": no stranger`} {
		if len(r.Notes) != 2 || !strings.HasPrefix(r.Notes[i], want) {
			t.Errorf("%q, want %q", r.Notes, want)
		}
	}
	p.Source, p.Pause = func(netip.Addr) (string, bool) { return "", false }, 0
	r = p.Ask(t.Context(), at(netip.MustParseAddr("127.0.0.1")))[0]
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "asked from the same machine") {
		t.Errorf("%q", r.Notes)
	}
	for _, inside := range []string{"10.0.0.5", "100.64.0.5", "fd00::5"} {
		r = p.Ask(t.Context(), at(netip.MustParseAddr(inside)))[0]
		if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "no address of the Internet") {
			t.Errorf("%q", r.Notes)
		}
	}
}

func TestStoppedIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{Reply: replies("RCPT " + smtptest.Silence)})
		defer s.Close()
		p := asking(s)
		p.Ports = []uint16{25, 587}
		for _, end := range []func(context.Context) (context.Context, context.CancelFunc){
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, stop := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, stop)
				return ctx, stop
			},
		} {
			ctx, stop := end(t.Context())
			r := p.Ask(ctx, at(origin))[0]
			if r.Verdict != Unknown || r.Ports[0].Why != stopped || r.Ports[0].Step != RCPT || r.Ports[1].Why != stopped {
				t.Errorf("%+v", r)
			}
			stop()
		}
	})
}

// A server that is slow at each step is not waited for without end.
func TestSlownessEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := []smtptest.Fault{}
		for _, step := range []smtptest.Step{smtptest.Banner, smtptest.Hello, smtptest.Mail, smtptest.Rcpt} {
			slow = append(slow, smtptest.Fault{Step: step, Kind: smtptest.Delay, Pause: 39 * time.Second})
		}
		s := smtptest.New(smtptest.Options{Faults: slow})
		defer s.Close()
		p := asking(s)
		began := time.Now()
		r := p.Ask(t.Context(), at(origin))[0]
		if took := time.Since(began); r.Verdict != Unclear || took > talkTimeout+2*leaveTimeout {
			t.Errorf("%+v after %s", r, took)
		}
	})
}

// Nor is one that sends an octet now and then.
func TestDrippingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Banner, Kind: smtptest.Slow, Pause: 10 * time.Second}}})
		defer s.Close()
		p := asking(s)
		began := time.Now()
		r := p.Ask(t.Context(), at(origin))[0]
		if took := time.Since(began); r.Verdict != Unclear || r.Ports[0].Step != Greeting || took > p.ReplyTimeout+leaveTimeout {
			t.Errorf("%+v after %s", r, took)
		}
	})
}
