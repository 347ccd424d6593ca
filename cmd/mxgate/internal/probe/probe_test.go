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
		{"inside, dropped", inside, dropped, nil, "", Closed},
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
				r := p.Ask(t.Context(), Target{[]string{"mail.example.com"}, c.addr})
				if r.Verdict != c.verdict || len(r.Ports) != 2 || r.Ports[0].Step != Connect || r.Ports[1].Why == "" {
					t.Errorf("%+v, want %s", r, c.verdict)
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

func TestOneConnectionAtATimeAndAPauseBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{})
		defer s.Close()
		p := asking(s)
		p.Ports = []uint16{25, 587, 2525}
		var at []time.Time
		p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			at = append(at, time.Now())
			return s.Dial(ctx, network, addr)
		}
		for _, addr := range []string{"203.0.113.5", "203.0.113.6"} {
			p.Ask(t.Context(), Target{[]string{"mail.example.com"}, netip.MustParseAddr(addr)})
		}
		for i := range at[1:] {
			if gap := at[i+1].Sub(at[i]); gap < p.Pause {
				t.Errorf("%s between connections %d and %d", gap, i, i+1)
			}
		}
		if len(at) != 6 {
			t.Errorf("%d connections", len(at))
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
		if r := p.Ask(t.Context(), Target{[]string{"mail.example.com"}, origin}); r.Verdict != Open || r.Ports[0].Verdict != Unknown {
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
	r := p.Ask(t.Context(), Target{[]string{"mail.example.com"}, origin})
	for i, want := range []string{"mail.example.com is in the MX of example.com", `asked from 127.0.0.1, which belongs to source "the-source": no stranger`} {
		if len(r.Notes) != 2 || !strings.HasPrefix(r.Notes[i], want) {
			t.Errorf("%q, want %q", r.Notes, want)
		}
	}
	p.Source, p.Pause = func(netip.Addr) (string, bool) { return "", false }, 0
	r = p.Ask(t.Context(), Target{[]string{"mail.example.com"}, netip.MustParseAddr("127.0.0.1")})
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "asked from the same machine") {
		t.Errorf("%q", r.Notes)
	}
	r = p.Ask(t.Context(), Target{[]string{"mail.example.com"}, netip.MustParseAddr("10.0.0.5")})
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "no address of the Internet") {
		t.Errorf("%q", r.Notes)
	}
}

func TestStoppedIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(smtptest.Options{Reply: replies("RCPT " + smtptest.Silence)})
		defer s.Close()
		p := asking(s)
		p.Ports = []uint16{25, 587}
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(3*time.Second, stop)
		r := p.Ask(ctx, Target{[]string{"mail.example.com"}, origin})
		if r.Verdict != Unknown || r.Ports[0].Why != stopped || r.Ports[1].Why != stopped {
			t.Errorf("%+v", r)
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
		r := p.Ask(t.Context(), Target{[]string{"mail.example.com"}, origin})
		if took := time.Since(began); r.Verdict != Unclear || took > talkTimeout+2*leaveTimeout {
			t.Errorf("%+v after %s", r, took)
		}
	})
}
