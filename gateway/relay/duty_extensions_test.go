package relay

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// all is a next hop's offer of everything that a message can ask for.
var all = []string{"PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "REQUIRETLS"}

// without is all but one.
func without(keyword string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == keyword })
}

// over makes the connections of p look as if they had that TLS: what TLS is
// worth is not the matter of these tests.
func over(p *Pool, s *smtptest.Sink, state *TLSState) *Pool {
	p.cfg.Dial = new(net.Dialer).DialContext
	c, err := p.dial(context.Background(), routeTo(s.Target()), must(p.hosts(routeTo(s.Target())))[0], 0)
	if err != nil {
		panic(err)
	}
	c.tls, c.caps.TLS = state, state
	p.release(c)
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// send delivers to s with env and dsn and returns what arrived.
func send(t *testing.T, p *Pool, s *smtptest.Sink, env mail.Envelope, to mail.Address, dsn mail.RecipientDSN) (smtptest.Message, error) {
	t.Helper()
	d, err := p.Open(t.Context(), routeTo(s.Target()), mail.Client{}, env)
	if err != nil {
		return smtptest.Message{}, err
	}
	defer d.Abort()
	if reply, err := d.Rcpt(t.Context(), to, dsn); err != nil || !reply.Positive() {
		return smtptest.Message{}, err
	}
	if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
		return smtptest.Message{}, err
	}
	m := s.Messages()
	return m[len(m)-1], nil
}

func TestDuty_X_DSN_Relay(t *testing.T) {
	env := envelope(t)
	env.Return, env.EnvelopeID = mail.ReturnHeaders, "id = 1+1"
	dsn := mail.RecipientDSN{Notify: "SUCCESS,DELAY", OriginalType: "rfc822", Original: "a b+c=d@example.org"}
	for _, tt := range []struct {
		name         string
		offered      []string
		params, rcpt []string
	}{
		{"offered", all, []string{"RET=HDRS", "ENVID=id+20+3D+201+2B1"}, []string{"NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;a+20b+2Bc+3Dd@example.org"}},
		{"not offered: the message goes without", without("DSN"), nil, nil},
	} {
		s := sinkWith(t, smtptest.Options{Extensions: tt.offered})
		m, err := send(t, pool(t, nil), s, env, address(t, "b@example.net"), dsn)
		if err != nil || !slices.Equal(m.Params, tt.params) || !slices.Equal(m.RcptParams[0], tt.rcpt) {
			t.Errorf("%s: %q, %q, %v", tt.name, m.Params, m.RcptParams, err)
		}
	}
}

// What cannot be a value is a fault of ours or an attack: no parameter is ever
// sent that we have not written ourselves.
func TestDuty_X_DSN_Relay_values_cannot_carry_a_parameter(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Extensions: all})
	p := pool(t, nil)
	for _, bad := range []mail.RecipientDSN{
		{Notify: "NEVER ORCPT=x;y"},
		{Notify: "NEVER\r\nRSET"},
		{Notify: "NEVER,SUCCESS"},
		{Notify: "success"},
		{Notify: ","},
		{OriginalType: "rfc822;x BODY=7BIT", Original: "y"},
		{OriginalType: "", Original: "y"},
		{OriginalType: "rfc822", Original: strings.Repeat("x", 500)},
	} {
		d := openWith(t, p, s, "b@example.net")
		if _, err := d.Rcpt(t.Context(), address(t, "c@example.net"), bad); !errors.Is(err, ErrAddress) {
			t.Errorf("%+v: %v", bad, err)
		}
		d.Abort()
	}
	for _, change := range []func(*mail.Envelope){
		func(e *mail.Envelope) { e.Return = "FULL SIZE=1" },
		func(e *mail.Envelope) { e.EnvelopeID = strings.Repeat("x", 101) },
	} {
		env := envelope(t)
		change(&env)
		if _, err := p.Open(t.Context(), routeTo(s.Target()), mail.Client{}, env); !errors.Is(err, ErrAddress) {
			t.Errorf("%+v: %v", env, err)
		}
	}
	env := envelope(t)
	env.EnvelopeID = "a> RET=FULL\r\nRSET"
	m, err := send(t, p, s, env, address(t, "b@example.net"), mail.RecipientDSN{OriginalType: "x-y", Original: "a\r\nDATA c"})
	if err != nil || !slices.Equal(m.Params, []string{"ENVID=a>+20RET+3DFULL+0D+0ARSET"}) || !slices.Equal(m.RcptParams[0], []string{"ORCPT=x-y;a+0D+0ADATA+20c"}) {
		t.Errorf("%q, %q, %v", m.Params, m.RcptParams, err)
	}
}

func TestDuty_X_UTF8_Relay(t *testing.T) {
	local, plain := address(t, "müller@example.com"), address(t, "b@example.net")
	if _, err := pool(t, nil).Open(t.Context(), routeTo("192.0.2.1:25"), mail.Client{}, mail.Envelope{ReversePath: local}); !errors.Is(err, ErrAddress) {
		t.Errorf("without SMTPUTF8 of the client: %v", err)
	}
	for _, tt := range []struct {
		name     string
		from, to mail.Address
		offered  []string
		want     []string // parameters of MAIL
		class    Class
	}{
		{"offered", local, local, all, []string{"SMTPUTF8"}, ""},
		{"offered, and all is ASCII", plain, plain, all, []string{"SMTPUTF8"}, ""},
		{"not offered, and all is ASCII", plain, plain, without("SMTPUTF8"), nil, ""},
		{"not offered, reverse-path", local, plain, without("SMTPUTF8"), nil, UTF8Lost},
		{"not offered, forward-path", plain, local, without("SMTPUTF8"), nil, UTF8Lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: tt.offered})
			p := pool(t, nil)
			m, err := send(t, p, s, mail.Envelope{ReversePath: tt.from, UTF8: true}, tt.to, noDSN)
			if tt.class != "" {
				if f := wantClass(t, err, tt.class); f.Host != s.Target() {
					t.Errorf("host %q", f.Host)
				}
				if n := count(s.Commands(), "MAIL") + count(s.Commands(), "RCPT"); n != 0 || idle(p) != 1 {
					t.Errorf("%q, %d idle", s.Commands(), idle(p))
				}
				return
			}
			if err != nil || !slices.Equal(m.Params, tt.want) || m.ReversePath != tt.from.String() || m.ForwardPaths[0] != tt.to.String() {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}

func TestDuty_X_UTF8_Relay_a_header_that_is_not_ASCII(t *testing.T) {
	for _, tt := range []struct {
		name, block, content string
		utf8                 bool // SMTPUTF8 with the message
		offered              []string
		class                Class
	}{
		{"offered", "", "Subject: \xc3\xa4\r\n\r\nx\r\n", true, all, ""},
		{"lost", "", "Subject: \xc3\xa4\r\n\r\nx\r\n", true, without("SMTPUTF8"), UTF8Lost},
		{"lost, in a later line", "X: a\r\n", "Subject: \xc3\xa4\r\n\r\nx\r\n", true, without("SMTPUTF8"), UTF8Lost},
		{"lost, in our block", "X: \xc3\xa4\r\n", "Subject: a\r\n\r\nx\r\n", true, without("SMTPUTF8"), UTF8Lost},
		{"lost, only the body", "X: a\r\n", "Subject: a\r\n\r\n\xc3\xa4\r\n", true, without("SMTPUTF8"), ""},
		{"lost, no body", "X: a\r\n", "Subject: a\r\n", true, without("SMTPUTF8"), ""},
		{"lost, no header", "", "\r\n\xc3\xa4\r\n", true, without("SMTPUTF8"), ""},
		{"never asked for: what comes goes on", "", "Subject: \xe4\r\n\r\nx\r\n", false, without("SMTPUTF8"), ""},
		{"8-bit content, and 8BITMIME is lost as well", "", "Subject: a\r\n\r\n\xc3\xa4\r\n", true, []string{"SIZE"}, EightBit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: tt.offered})
			d, err := pool(t, nil).Open(t.Context(), routeTo(s.Target()), mail.Client{}, mail.Envelope{UTF8: tt.utf8, Body: mail.Body8BitMIME})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
				t.Fatal(err)
			}
			_, err = d.Send(t.Context(), text(tt.block), text(tt.content))
			if tt.class != "" {
				wantClass(t, err, tt.class)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDuty_X_RTLS_Relay(t *testing.T) {
	verified := &TLSState{Verified: true, How: "pin"}
	for _, tt := range []struct {
		name    string
		asked   bool
		offered []string
		tls     *TLSState
		want    []string
		class   Class
	}{
		{"over verified TLS", true, all, verified, []string{"REQUIRETLS"}, ""},
		{"not asked for", false, all, verified, nil, ""},
		{"TLS that proves nothing", true, all, &TLSState{}, nil, TLSLost},
		{"in clear text", true, all, nil, nil, TLSLost},
		{"not offered", true, without("REQUIRETLS"), verified, nil, TLSLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: tt.offered})
			env := envelope(t)
			env.RequireTLS = tt.asked
			m, err := send(t, over(pool(t, nil), s, tt.tls), s, env, address(t, "b@example.net"), noDSN)
			if tt.class != "" {
				wantClass(t, err, tt.class)
			} else if err != nil || !slices.Equal(m.Params, tt.want) {
				t.Errorf("%+v, %v", m, err)
			}
			if tt.class != "" && count(s.Commands(), "MAIL") != 0 {
				t.Error("MAIL was sent")
			}
		})
	}
}

func TestDuty_X_SIZE_Relay(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Extensions: all})
	env := envelope(t)
	env.SizeOctets = 1000
	if m, err := send(t, pool(t, nil), s, env, address(t, "b@example.net"), noDSN); err != nil || !slices.Equal(m.Params, []string{"SIZE=17384"}) {
		t.Errorf("%+v, %v", m, err)
	}
}

// clientAt is a client with that address and EHLO name.
func clientAt(addr, helo string) mail.Client {
	return mail.Client{Addr: netip.MustParseAddr(addr), Helo: helo, Extended: true}
}

func TestDuty_X2_Relay_XFORWARD(t *testing.T) {
	const unknown = "[UNAVAILABLE]"
	peer := clientAt("192.0.2.1", "mx.example.com")
	told := peer
	told.Origin, told.OriginHelo = netip.MustParseAddr("2001:db8::1"), "origin.example.org"
	plain := clientAt("::ffff:192.0.2.1", "a+b=c d")
	plain.Extended = false
	for _, tt := range []struct {
		name    string
		client  mail.Client
		offered string
		want    map[string]string
	}{
		{"all", peer, "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE", map[string]string{"NAME": unknown, "ADDR": "192.0.2.1", "PORT": unknown, "PROTO": "ESMTP", "HELO": "mx.example.com", "SOURCE": "REMOTE"}},
		{"the origin that the peer told", told, "XFORWARD ADDR HELO PROTO", map[string]string{"ADDR": "IPV6:2001:db8::1", "HELO": "origin.example.org", "PROTO": unknown}},
		{"xtext", plain, "XFORWARD ADDR HELO PROTO", map[string]string{"ADDR": "192.0.2.1", "HELO": "a+2Bb+3Dc+20d", "PROTO": "SMTP"}},
		{"nobody", mail.Client{}, "XFORWARD ADDR HELO", map[string]string{"ADDR": unknown, "HELO": unknown}},
		{"nothing that we know of", peer, "XFORWARD IDENT", nil},
		{"not offered", peer, "SIZE", nil},
	} {
		for _, pipelining := range []string{"PIPELINING", "HELP"} {
			t.Run(tt.name+" "+pipelining, func(t *testing.T) {
				s := sinkWith(t, smtptest.Options{Extensions: []string{pipelining, tt.offered}})
				r := &Route{Hosts: []string{s.Target()}, Client: Forward}
				p := pool(t, nil)
				for range 2 { // each message anew: the connection is shared
					if reply, err := deliverOver(t, p, r, tt.client); err != nil || !reply.Positive() {
						t.Fatalf("%v, %v", reply, err)
					}
				}
				for _, m := range s.Messages() {
					if !mapsEqual(m.Forwarded, tt.want) || m.Replaced != nil {
						t.Errorf("%q, want %q", m.Forwarded, tt.want)
					}
				}
				if s.Connections() != 1 {
					t.Errorf("%d connections", s.Connections())
				}
			})
		}
	}
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// Postfix allows XFORWARD in one flight with MAIL, and 512 octets for a command.
func TestDuty_X2_Relay_commands_are_short_and_in_one_flight(t *testing.T) {
	longest := introduction{addr: netip.MustParseAddr("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"), helo: strings.Repeat("x", maxAttribute)}
	offered := []string{"NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE", "LOGIN"}
	for _, command := range []string{longest.forward(offered), longest.replace(offered)} {
		if len(command)+2 > 512 || !strings.Contains(command, "HELO=xxx") {
			t.Errorf("%d octets: %s", len(command)+2, command)
		}
	}
	longest.helo += "x"
	if command := longest.forward(offered); !strings.Contains(command, "HELO=[UNAVAILABLE]") {
		t.Error(command)
	}
	for helo, want := range map[string]string{"": "us", "mx.example.com": "mx.example.com", "[IPv6:2001:db8::1]": "[IPv6:2001:db8::1]", "a b": "us", "a\r\nRSET": "us", longest.helo: "us"} {
		if got := (introduction{helo: helo}).hello("us"); got != want {
			t.Errorf("%q: %q", helo, got)
		}
	}
	d := &Delivery{route: &Route{Client: Forward}, client: longest, conn: &conn{host: &host{}, caps: Capabilities{XForward: []string{"ADDR"}}}}
	commands, forward, err := d.commands([]recipient{{path: "b@example.net"}})
	if err != nil || !forward || len(commands) != 3 || !strings.HasPrefix(commands[0], "XFORWARD ADDR=") {
		t.Errorf("%q", commands)
	}
}

func TestDuty_X2_Relay_a_refusal_of_XFORWARD_is_R4(t *testing.T) {
	for _, pipelining := range []string{"PIPELINING", "HELP"} {
		for kind, class := range map[smtptest.Kind]Class{smtptest.Permanent: Refused, smtptest.Temporary: Refused, smtptest.Closing: Closing, smtptest.Garbage: Garbage} {
			s := sinkWith(t, smtptest.Options{Extensions: []string{pipelining, "XFORWARD ADDR"}, Faults: []smtptest.Fault{{Step: smtptest.XForward, Kind: kind}}})
			p := pool(t, nil)
			_, err := deliverOver(t, p, &Route{Hosts: []string{s.Target()}, Client: Forward}, clientAt("192.0.2.1", "x"))
			wantClass(t, err, class)
			if idle(p) != 0 || s.Count() != 0 { // MAIL may have been accepted on it
				t.Errorf("%s: %d idle, %d messages", kind, idle(p), s.Count())
			}
		}
	}
}

// Postfix without IPv6 says 501 to an address of it.
func TestDuty_X2_Relay_XFORWARD_to_a_host_without_IPv6(t *testing.T) {
	for _, pipelining := range []string{"PIPELINING", "HELP"} {
		s := sinkWith(t, smtptest.Options{Extensions: []string{pipelining, "XFORWARD ADDR HELO"}, Reply: func(verb, arg string) (string, bool) {
			return "501 5.5.4 Bad ADDR syntax", verb == "XFORWARD" && strings.Contains(arg, "IPV6:")
		}})
		p := pool(t, nil)
		r := &Route{Hosts: []string{s.Target()}, Client: Forward}
		for _, addr := range []string{"2001:db8::1", "2001:db8::1", "192.0.2.1"} {
			if reply, err := deliverOver(t, p, r, clientAt(addr, "mx.example.com")); err != nil || !reply.Positive() {
				t.Fatalf("%v, %v", reply, err)
			}
		}
		for i, want := range []string{"", "[UNAVAILABLE]", "192.0.2.1"} {
			if got := s.Messages()[i].Forwarded["ADDR"]; got != want {
				t.Errorf("message %d: %q, want %q", i, got, want)
			}
		}
		if n := count(s.Commands(), "XFORWARD ADDR=IPV6:"); n != 1 || s.Connections() != 1 {
			t.Errorf("%q on %d connections", s.Commands(), s.Connections())
		}
		s.Fail(smtptest.Fault{Step: smtptest.XForward, Kind: smtptest.Permanent})
		_, err := deliverOver(t, p, r, clientAt("2001:db8::1", "x"))
		wantClass(t, err, Refused) // any other refusal is R4
	}
}

func TestDuty_X2_Relay_XCLIENT(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Extensions: []string{"PIPELINING", "XCLIENT NAME ADDR PROTO HELO"}})
	p := pool(t, nil)
	r := &Route{Hosts: []string{s.Target()}, Client: Replace}
	one, two := clientAt("192.0.2.1", "one.example.com"), clientAt("2001:db8::2", "two.example.com")
	for _, c := range []mail.Client{one, one, two, two, one} {
		if reply, err := deliverOver(t, p, r, c); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	for i, want := range []string{"192.0.2.1", "192.0.2.1", "IPV6:2001:db8::2", "IPV6:2001:db8::2", "192.0.2.1"} {
		m := s.Messages()[i]
		if m.Replaced["ADDR"] != want || m.Replaced["NAME"] != "[UNAVAILABLE]" || m.Replaced["PROTO"] != "ESMTP" || m.Forwarded != nil {
			t.Errorf("message %d: %q, want %s", i, m.Replaced, want)
		}
	}
	if x, hello := count(s.Commands(), "XCLIENT"), count(s.Commands(), "EHLO"); x != 3 || hello != 4 || s.Connections() != 1 {
		t.Errorf("%d times XCLIENT, %d times EHLO, %d connections", x, hello, s.Connections())
	}

	if c := s.Commands(); !slices.Contains(c, "EHLO one.example.com") || !slices.Contains(c, "EHLO two.example.com") || c[0] != "EHLO gate.example.com" {
		t.Errorf("%q", c)
	}

	// The connection of the same client is preferred; probes have none.
	busy := openTo(t, p, r, two)
	again := openTo(t, p, r, one)
	busy.Abort()
	again.Abort()
	before := count(s.Commands(), "XCLIENT")
	openTo(t, p, r, two).Abort()
	openTo(t, p, r, one).Abort()
	if n := count(s.Commands(), "XCLIENT") - before; n != 0 {
		t.Errorf("%d times XCLIENT more", n)
	}
	if _, err := p.Probe(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	openTo(t, p, r, mail.Client{}).Abort() // who is unknown is not us
	if c := s.Commands(); !slices.Contains(c, "XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE] PROTO=SMTP") {
		t.Errorf("%q", c)
	}
}

func openTo(t *testing.T, p *Pool, r *Route, client mail.Client) *Delivery {
	t.Helper()
	d, err := p.Open(t.Context(), r, client, envelope(t))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDuty_X2_Relay_no_mail_without_XCLIENT(t *testing.T) {
	tests := []struct {
		name    string
		offered string
		kind    smtptest.Kind
		class   Class
	}{
		{"not offered", "HELP", "", Refused},
		{"not for addresses", "XCLIENT LOGIN", "", Refused},
		{"refused", "XCLIENT ADDR", smtptest.Permanent, Refused},
		{"refused for now", "XCLIENT ADDR", smtptest.Temporary, Refused},
		{"closing", "XCLIENT ADDR", smtptest.Closing, Closing},
		{"lost", "XCLIENT ADDR", smtptest.Close, Lost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: []string{tt.offered}, Faults: []smtptest.Fault{{Step: smtptest.XClient, Kind: tt.kind, Nth: -1}}})
			if tt.kind != "" {
				s.Fail(smtptest.Fault{Step: smtptest.XClient, Kind: tt.kind})
			}
			p := pool(t, nil)
			r := &Route{Hosts: []string{s.Target()}, Client: Replace}
			for range maxFailures + 1 { // one client must not take the host from the others
				_, err := p.Open(t.Context(), r, clientAt("192.0.2.1", "x"), envelope(t))
				wantClass(t, err, tt.class)
			}
			if n := s.Connections(); n != maxFailures+1 {
				t.Errorf("%d connections", n)
			}
			if count(s.Commands(), "MAIL") != 0 {
				t.Error("MAIL was sent")
			}
		})
	}
}

func TestDuty_X4_Relay_LMTP(t *testing.T) {
	s := sinkWith(t, smtptest.Options{LMTP: true})
	p := pool(t, nil)
	r := &Route{Hosts: []string{s.Target()}, LMTP: true}
	for range 2 {
		d := openTo(t, p, r, mail.Client{})
		for to, code := range map[string]int{"b@example.net": 250} {
			if reply, err := d.Rcpt(t.Context(), address(t, to), noDSN); err != nil || reply.Code != code {
				t.Fatalf("%v, %v", reply, err)
			}
		}
		reply, err := d.Rcpt(t.Context(), address(t, "c@example.net"), noDSN)
		if want := (Reply{452, "4.5.3", "one recipient at a time"}); err != nil || reply != want {
			t.Errorf("the second recipient: %v, %v", reply, err)
		}
		if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	for _, m := range s.Messages() {
		if !slices.Equal(m.ForwardPaths, []string{"b@example.net"}) {
			t.Errorf("%+v", m)
		}
	}
	if n := count(s.Commands(), "LHLO"); n != 1 || s.Connections() != 1 || count(s.Commands(), "RCPT") != 2 {
		t.Errorf("%q", s.Commands())
	}
}

func TestDuty_X4_Relay_LMTP_refusals(t *testing.T) {
	first := true
	s := sinkWith(t, smtptest.Options{LMTP: true, Hostname: "gate.example.com", Reply: func(verb, arg string) (string, bool) {
		switch {
		case verb == "RCPT" && first:
			first = false
			return "550 5.1.1 no such user", true
		case verb == smtptest.Dot:
			return "452 4.2.2 over quota", true
		}
		return "", false
	}})
	// A server on the same machine has our name, and no loop comes of it.
	d := openTo(t, pool(t, nil), &Route{Hosts: []string{s.Target()}, LMTP: true}, mail.Client{})
	for _, want := range []int{550, 250, 452} { // only who was accepted counts
		if reply, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil || reply.Code != want {
			t.Errorf("%v, %v; want %d", reply, err, want)
		}
	}
	reply, err := d.Send(t.Context(), text(content))
	if want := (Reply{452, "4.2.2", "over quota"}); err != nil || reply != want {
		t.Errorf("%v, %v", reply, err)
	}

	heard := make(chan string, 10)
	smtp := scripted(t, func(nc net.Conn, r *bufio.Reader) {
		io.WriteString(nc, "220 hi\r\n")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				close(heard)
				return
			}
			heard <- line
			io.WriteString(nc, "500 5.5.1 what?\r\n")
		}
	})
	_, err = pool(t, nil).Open(t.Context(), &Route{Hosts: []string{smtp}, LMTP: true}, mail.Client{}, envelope(t))
	wantClass(t, err, Refused)
	if line, second := <-heard, <-heard; line != "LHLO gate.example.com\r\n" || second != "" { // and never HELO
		t.Errorf("%q, %q", line, second)
	}
}
