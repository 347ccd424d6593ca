package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

var origin = netip.MustParseAddr("203.0.113.5")

// asking is a Prober for port 25 that reaches a Sink whatever the address.
func asking(s *smtptest.Sink) *Prober {
	return &Prober{
		Recipients: []mail.Address{{Local: "postmaster", Domain: "example.com"}}, Hello: "probe.example.net", Ports: []uint16{25},
		Source: func(netip.Addr) (string, bool) { return "", false },
		Dial:   s.Dial, ConnectTimeout: 10 * time.Second, ReplyTimeout: 40 * time.Second, Pause: time.Second,
	}
}

// replies has a Sink say what stands in a table: "VERB reply".
func replies(lines ...string) func(verb, arg string) (string, bool) {
	return func(verb, _ string) (string, bool) {
		for _, line := range lines {
			if v, reply, _ := strings.Cut(line, " "); v == verb {
				return reply, true
			}
		}
		return "", false
	}
}

// ask asks a Sink once, under a clock of its own, and looks how it was spoken to.
func ask(t *testing.T, opts smtptest.Options, change func(*Prober)) (r Result, sessions []smtptest.Session) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := smtptest.New(opts)
		defer s.Close()
		p := asking(s)
		if change != nil {
			change(p)
		}
		r = p.Ask(t.Context(), at(origin))[0]
		synctest.Wait()
		sessions = s.Sessions()
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
	lost := false
	if opts.Reply != nil {
		reply, ok := opts.Reply("RCPT", "")
		lost = ok && (reply == smtptest.Hangup || strings.HasSuffix(reply, smtptest.ThenHangup))
	}
	for _, s := range sessions {
		politely(t, s.Commands, lost)
	}
	return r, sessions
}

// politely fails where DATA was said, or where an envelope was left behind though
// the connection was not lost.
func politely(t *testing.T, commands []string, lost bool) {
	t.Helper()
	mailed, reset := false, false
	for _, c := range commands {
		switch verb, _, _ := strings.Cut(strings.ToUpper(c), " "); verb {
		case "EHLO", "HELO", "STARTTLS", "QUIT":
		case "MAIL":
			mailed, reset = true, false
		case "RCPT":
		case "RSET":
			reset = true
		default:
			t.Errorf("%q was said", c)
		}
	}
	if !lost && slices.ContainsFunc(commands, func(c string) bool { return strings.HasPrefix(c, "RCPT") }) && (!mailed || !reset || commands[len(commands)-1] != "QUIT") {
		t.Errorf("an envelope was left behind: %q", commands)
	}
}

func TestWhatAStrangerMeets(t *testing.T) {
	for _, c := range []struct {
		name    string
		replies []string
		verdict Verdict
		step    Step
	}{
		{"all is accepted", nil, Open, RCPT},
		{"251", []string{"RCPT 251 2.1.5 will forward"}, Open, RCPT},
		{"252", []string{"RCPT 252 2.1.5 will try"}, Open, RCPT},
		{"HELO only", []string{"EHLO 502 5.5.1 not implemented"}, Open, RCPT},
		{"our own gateway", []string{"CONNECT 554 gate.example.com No mail is accepted from your address"}, Refused, Greeting},
		{"521 host does not accept mail", []string{"CONNECT 521 mail.example.com does not accept mail"}, Refused, Greeting},
		{"a blocklist at the greeting", []string{"CONNECT 554 5.7.1 Service unavailable; blocked using bl.example.org"}, Unclear, Greeting},
		{"a certificate wanted", []string{"CONNECT 421 4.7.1 mail.example.com Error: No client certificate presented"}, Refused, Greeting},
		{"busy", []string{"CONNECT 421 4.3.2 busy"}, Deferred, Greeting},
		{"EHLO refused", []string{"EHLO 550 5.7.1 go away"}, Refused, EHLO},
		{"EHLO name refused", []string{"EHLO 501 5.5.4 Invalid domain name"}, Unclear, EHLO},
		{"MAIL refused", []string{"MAIL 554 5.7.1 <unknown[198.51.100.9]>: Client host rejected: Access denied"}, Refused, MAIL},
		{"password wanted", []string{"MAIL 530 5.7.0 Authentication required"}, Refused, MAIL},
		{"password wanted, Exchange", []string{"MAIL 530 5.7.57 Client not authenticated to send mail"}, Refused, MAIL},
		{"reverse-path refused", []string{"MAIL 550 5.1.8 no such domain"}, Unclear, MAIL},
		{"reverse-path refused without a code", []string{"MAIL 553 no null senders here"}, Unclear, MAIL},
		{"client refused at RCPT", []string{"RCPT 554 5.7.1 <unknown[198.51.100.9]>: Client host rejected: Access denied"}, Refused, RCPT},
		{"relay denied", []string{"RCPT 554 5.7.1 <postmaster@example.com>: Relay access denied"}, Refused, RCPT},
		{"relay denied without a code", []string{"RCPT 550 relay not permitted"}, Refused, RCPT},
		{"unknown mailbox", []string{"RCPT 550 5.1.1 <postmaster@example.com>: Recipient address rejected: User unknown"}, Unclear, RCPT},
		{"unknown mailbox without a code", []string{"RCPT 550 unknown user"}, Unclear, RCPT},
		{"full mailbox", []string{"RCPT 552 5.2.2 full"}, Unclear, RCPT},
		{"a blocklist at RCPT", []string{"RCPT 554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using bl.example.org"}, Unclear, RCPT},
		{"HELO name at RCPT", []string{"RCPT 550 5.7.1 <x>: Helo command rejected: bad"}, Unclear, RCPT},
		{"SPF at RCPT", []string{"RCPT 550 5.7.23 SPF validation failed"}, Unclear, RCPT},
		{"no reverse name", []string{"RCPT 550 5.7.25 Client host rejected: cannot find your reverse hostname"}, Unclear, RCPT},
		{"greylisting", []string{"RCPT 450 4.7.1 Greylisted, come back later"}, Deferred, RCPT},
		{"an answer from nowhere", []string{"RCPT 354 go on"}, Unclear, RCPT},
		{"220 to RCPT", []string{"RCPT 220 ?"}, Unclear, RCPT},
		{"closed at RCPT", []string{"RCPT 421 4.7.0 out" + smtptest.ThenHangup}, Deferred, RCPT},
		{"lost at RCPT", []string{"RCPT " + smtptest.Hangup}, Unclear, RCPT},
		{"silent at RCPT", []string{"RCPT " + smtptest.Silence}, Unclear, RCPT},
		{"silent from the start", []string{"CONNECT " + smtptest.Silence}, Unclear, Greeting},
		{"another protocol", []string{"CONNECT SSH-2.0-x"}, Unclear, Greeting},
		{"hangs up before it greets, and nothing to compare with", []string{"CONNECT " + smtptest.Hangup}, Unknown, Greeting},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := ask(t, smtptest.Options{Reply: replies(c.replies...)}, nil)
			if len(r.Ports) != 1 || r.Verdict != c.verdict || r.Ports[0].Step != c.step || r.Ports[0].Why == "" || r.Ports[0].Port != 25 {
				t.Errorf("%+v, want %s at %s", r, c.verdict, c.step)
			}
		})
	}
}

// A port that closes once has had bad luck; only the second time it is a habit.
func TestOneHangUpIsAskedAgain(t *testing.T) {
	n := 0
	first := func(verb, _ string) (string, bool) {
		if verb != smtptest.Greeting {
			return "", false
		}
		n++
		return smtptest.Hangup, n == 1
	}
	if r, sessions := ask(t, smtptest.Options{Reply: first}, nil); r.Verdict != Open || len(sessions) != 2 {
		t.Errorf("%+v, %d sessions", r, len(sessions))
	}
}

// A server may have hung up before we begin to listen.
func TestHangingUpEarlyIsHangingUp(t *testing.T) {
	n := 0
	r, sessions := ask(t, smtptest.Options{}, func(p *Prober) {
		dial := p.Dial
		p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if n++; n > 1 {
				return dial(ctx, network, addr)
			}
			near, far := net.Pipe()
			return near, far.Close()
		}
	})
	if r.Verdict != Open || len(sessions) != 1 {
		t.Errorf("%+v, %d sessions", r, len(sessions))
	}
}

// Half a refusal is none: the other half may say that it is about something else.
func TestAReplyThatIsCutIsNone(t *testing.T) {
	reply := "554 5.7.1 Service unavailable; blocked using bl.example.org"
	for _, n := range []int{0, 3, 4, 9, len(reply), len(reply) + 1} {
		c := &tape{Reader: strings.NewReader("220 a\r\n250 a\r\n250 ok\r\n" + (reply + "\n")[:n])}
		p := asking(nil)
		p.Dial = func(context.Context, string, string) (net.Conn, error) { return c, nil }
		a := p.Ask(t.Context(), at(origin))[0].Ports[0]
		if whole := n > len(reply); a.Verdict != Unclear || a.Step != RCPT || (a.Reply.Code != 0) != whole {
			t.Errorf("%d octets: %+v", n, a)
		}
	}
}

// Whoever talks without end has said something: that is no hanging up.
func TestEndlessGreetingIsUnclear(t *testing.T) {
	endless := "CONNECT " + strings.Repeat("220-x\r\n", maxTalkOctets/7+2) + "220 x"
	if r, _ := ask(t, smtptest.Options{Reply: replies(endless)}, nil); r.Verdict != Unclear {
		t.Errorf("%+v", r)
	}
}

func TestRecipientsAreAskedUntilOneIsAccepted(t *testing.T) {
	var all []mail.Address
	for _, local := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		all = append(all, mail.Address{Local: local, Domain: "example.com"})
	}
	for _, c := range []struct {
		name    string
		refuse  string // as long as the recipient is not that of accept
		accept  string
		verdict Verdict
		asked   int
		last    string
	}{
		{"the third is accepted", "550 5.1.1 unknown", "c", Open, 3, "c@example.com"},
		{"none is", "550 5.1.1 unknown", "", Unclear, MaxRecipients, "a@example.com"},
		{"one beyond the limit is not asked for", "550 5.7.1 no", "l", Refused, MaxRecipients, "a@example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := func(verb, arg string) (string, bool) {
				return c.refuse, verb == "RCPT" && (c.accept == "" || !strings.Contains(arg, "<"+c.accept+"@"))
			}
			r, sessions := ask(t, smtptest.Options{Reply: reply}, func(p *Prober) { p.Recipients = all })
			asked := 0
			for _, command := range sessions[0].Commands {
				if strings.HasPrefix(command, "RCPT") {
					asked++
				}
			}
			if r.Verdict != c.verdict || asked != c.asked || r.Ports[0].Recipient != c.last {
				t.Errorf("%+v, %d asked for", r, asked)
			}
		})
	}
}

func TestNamesAreThoseGiven(t *testing.T) {
	_, sessions := ask(t, smtptest.Options{}, func(p *Prober) { p.ReversePath = mail.Address{Local: "a b", Domain: "example.org"} })
	want := []string{"EHLO probe.example.net", `MAIL FROM:<"a b"@example.org>`, "RCPT TO:<postmaster@example.com>", "RSET", "QUIT"}
	if !slices.Equal(sessions[0].Commands, want) {
		t.Errorf("%q", sessions[0].Commands)
	}
	_, sessions = ask(t, smtptest.Options{}, nil)
	if !slices.Contains(sessions[0].Commands, "MAIL FROM:<>") {
		t.Errorf("%q", sessions[0].Commands)
	}
}

// certificate is one that nobody has reason to believe.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"other.example.org"}, NotAfter: time.Unix(0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLSThatAServerDemandsIsNoHindrance(t *testing.T) {
	inClear, demand := true, "530 5.7.0 Encrypt first"
	reply := func(verb, _ string) (string, bool) {
		inClear = inClear && verb != "STARTTLS"
		return demand, verb == "MAIL" && inClear
	}
	r, sessions := ask(t, smtptest.Options{TLS: certificate(t), Reply: reply}, nil)
	if r.Verdict != Open || !r.Ports[0].TLS || !sessions[0].TLS {
		t.Errorf("%+v, %+v", r, sessions)
	}
	inClear, demand = true, "554 5.7.0 Must issue a STARTTLS command first"
	if r, _ = ask(t, smtptest.Options{TLS: certificate(t), Reply: reply}, nil); r.Verdict != Open {
		t.Errorf("%+v", r)
	}
	r, sessions = ask(t, smtptest.Options{TLS: certificate(t)}, nil)
	if r.Verdict != Open || sessions[0].TLS {
		t.Errorf("nobody demanded TLS: %+v", r)
	}
}

func TestTLSThatDemandsACertificateRefusesStrangers(t *testing.T) {
	config := certificate(t)
	config.ClientAuth = tls.RequireAnyClientCert
	if r := ask465(t, func(s *smtptest.Sink) (net.Conn, error) { return inTLS(s, config) }); r.Verdict != Refused || r.Ports[0].Step != Greeting {
		t.Errorf("%+v", r)
	}
}

func TestPort465BeginsWithTLS(t *testing.T) {
	config := certificate(t)
	r := ask465(t, func(s *smtptest.Sink) (net.Conn, error) { return inTLS(s, config) })
	if r.Verdict != Open || !r.Ports[0].TLS || r.Ports[0].Port != implicitTLS {
		t.Errorf("%+v", r)
	}
	r = ask465(t, func(s *smtptest.Sink) (net.Conn, error) { return net.Dial("tcp", s.Target()) })
	if r.Verdict != Unclear || r.Ports[0].Step != TLS {
		t.Errorf("no TLS at all: %+v", r)
	}
	r = ask465(t, func(*smtptest.Sink) (net.Conn, error) {
		near, far, err := pair()
		if err != nil {
			return nil, err
		}
		return near, far.Close()
	})
	if r.Verdict != Unknown || !strings.Contains(r.Ports[0].Why, "twice") {
		t.Errorf("hung up twice, and nothing to compare with: %+v", r)
	}
}

func ask465(t *testing.T, dial func(*smtptest.Sink) (net.Conn, error)) Result {
	t.Helper()
	s, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := asking(s)
	p.Ports, p.Pause, p.ReplyTimeout = []uint16{implicitTLS}, 0, 10*time.Second
	p.Dial = func(context.Context, string, string) (net.Conn, error) { return dial(s) }
	return p.Ask(t.Context(), at(origin))[0]
}

// pair is the two ends of a connection.
func pair() (near, far net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	far, err = l.Accept()
	return near, far, err
}

// inTLS connects to a Sink through a TLS server before it.
func inTLS(s *smtptest.Sink, config *tls.Config) (net.Conn, error) {
	inner, err := net.Dial("tcp", s.Target())
	if err != nil {
		return nil, err
	}
	near, far, err := pair()
	if err != nil {
		return nil, err
	}
	server := tls.Server(far, config)
	go func() { // both end with either connection
		if server.Handshake() != nil {
			_ = inner.Close()
			_ = server.Close()
			return
		}
		go copyAll(server, inner)
		copyAll(inner, server)
	}()
	return near, nil
}

func copyAll(to, from net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			_ = to.Close()
			return
		}
	}
}
