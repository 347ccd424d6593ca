package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// The C rows are the defects of the client of go-smtp that ours must not have:
// LIBRARIES, Section 3.

func TestClient_C1_a_next_hop_that_stops_reading_does_not_hold_us(t *testing.T) {
	release := make(chan struct{})
	defer close(release) // before the sink is closed
	s := sinkWith(t, smtptest.Options{MidContent: func(int) (string, bool) {
		<-release
		return "", true
	}})
	p := pool(t, func(c *Config) { c.DataTimeout = 50 * time.Millisecond })
	wantClass(t, sendLarge(t, p, s), Lost)
}

func TestDuty_I6_Relay_an_address_cannot_carry_a_command(t *testing.T) {
	bad := []mail.Address{
		{Local: "v", Domain: "example.com> NOTIFY=NEVER <q@example.net"},
		{Local: "v", Domain: "example.com\r\nRSET"},
		{Local: "v\r\nRSET", Domain: "example.com"},
		{Local: "v\x00", Domain: "example.com"},
		{Local: "v", Domain: "EXAMPLE.com"}, // not as a Domain is held
		{Local: "v"},
		{Local: "v", Domain: "example.com", Literal: netip.MustParseAddr("192.0.2.1")},
		{Local: strings.Repeat("v", 65), Domain: "example.com"},
		{Local: "müller", Domain: "example.com"}, // C5: SMTPUTF8 is not spoken
	}
	s := sink(t, nil)
	p := pool(t, nil)
	for _, a := range bad {
		env := mail.Envelope{ReversePath: a}
		if _, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, env); !errors.Is(err, ErrAddress) {
			t.Errorf("reverse-path %q: %v", a, err)
		}
		d := openWith(t, p, s, "b@example.net")
		if _, err := d.Rcpt(t.Context(), a, noDSN); !errors.Is(err, ErrAddress) {
			t.Errorf("forward-path %q: %v", a, err)
		}
		d.Abort()
	}
	d := openWith(t, p, s, "b@example.net")
	defer d.Abort()
	if _, err := d.Rcpt(t.Context(), mail.Address{}, noDSN); !errors.Is(err, ErrAddress) {
		t.Errorf("null forward-path: %v", err)
	}
}

func TestClient_C2_addresses_arrive_as_they_were_given(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	for _, from := range []string{"", "a@example.com", `"a> b\"c\\"@example.com`, "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]"} {
		d, err := p.Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, mail.Envelope{ReversePath: address(t, from)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Rcpt(t.Context(), address(t, "postmaster"), noDSN); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Send(t.Context(), text(content)); err != nil {
			t.Fatal(err)
		}
		m := s.Messages()
		if last := m[len(m)-1]; last.ReversePath != from || last.ForwardPaths[0] != "postmaster" {
			t.Errorf("%q arrived as %q for %q", from, last.ReversePath, last.ForwardPaths)
		}
	}
}

func TestClient_C4_C5_C6_parameters_follow_what_is_offered(t *testing.T) {
	tests := []struct {
		name       string
		extensions []string
		body       mail.Body
		size       int64
		want       []string
	}{
		{"all offered", []string{"SIZE 50000000", "8BITMIME"}, mail.Body8BitMIME, 1000, []string{"SIZE=17384", "BODY=8BITMIME"}},
		{"C6: in lower case", []string{"size", "8bitmime"}, mail.Body8BitMIME, 1000, []string{"SIZE=17384", "BODY=8BITMIME"}},
		{"size not declared", []string{"SIZE", "8BITMIME"}, mail.Body8BitMIME, 0, []string{"BODY=8BITMIME"}},
		{"C4: body is 7BIT", []string{"SIZE", "8BITMIME"}, mail.Body7Bit, 1, []string{"SIZE=16385"}},
		{"body not declared", []string{"8BITMIME"}, "", 1000, nil},
		{"nothing offered", []string{"HELP"}, mail.Body8BitMIME, 1000, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sinkWith(t, smtptest.Options{Extensions: tt.extensions})
			env := mail.Envelope{ReversePath: address(t, "a@example.com"), Body: tt.body, SizeOctets: tt.size}
			d, err := pool(t, nil).Open(t.Context(), routeTo(s.Addr().String()), mail.Client{}, env)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Send(t.Context(), text(content)); err != nil {
				t.Fatal(err)
			}
			if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].Params, tt.want) {
				t.Errorf("%+v, want %q", m, tt.want)
			}
		})
	}
}

func TestDuty_X_8BIT_Relay(t *testing.T) {
	s := sinkWith(t, smtptest.Options{Extensions: []string{"PIPELINING"}})
	p := pool(t, nil)
	_, err := openWith(t, p, s, "b@example.net").Send(t.Context(), text(content), text("Gr\xfc\xdfe\r\n"))
	wantClass(t, err, EightBit)
	if n := count(s.Commands(), "DATA"); n != 0 {
		t.Error("DATA was sent")
	}
	reader := text(content)
	reader.Seek(7, io.SeekStart) // where a reader stands does not matter
	if reply, err := openWith(t, p, s, "b@example.net").Send(t.Context(), reader); err != nil || !reply.Positive() {
		t.Errorf("7-bit content: %v, %v", reply, err)
	}
	if m := s.Messages(); len(m) != 1 || string(m[0].Content) != content {
		t.Errorf("messages %+v", m)
	}
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestClient_C7_the_configured_name_greets(t *testing.T) {
	s := sink(t, map[string]string{"EHLO": "502 5.5.1 what?"})
	if reply, err := deliver(t, pool(t, nil), s.Addr().String()); err != nil || !reply.Positive() {
		t.Fatalf("%v, %v", reply, err)
	}
	want := []string{"EHLO gate.example.com", "HELO gate.example.com", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA"}
	if got := s.Commands(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestClient_C8_the_next_message_starts_with_MAIL(t *testing.T) {
	s := sink(t, nil)
	p := pool(t, nil)
	for range 3 {
		if _, err := deliver(t, p, s.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	once := []string{"MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA"}
	want := slices.Concat([]string{"EHLO gate.example.com"}, once, once, once)
	if got := s.Commands(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestClient_C9_an_endless_reply_is_cut_off(t *testing.T) {
	closed := make(chan error, 1)
	addr := scripted(t, func(nc net.Conn, _ *bufio.Reader) {
		line := bytes.Repeat([]byte("220-and so on\r\n"), 1000)
		for {
			if _, err := nc.Write(line); err != nil {
				closed <- err
				return
			}
		}
	})
	_, err := pool(t, nil).Open(t.Context(), routeTo(addr), mail.Client{}, envelope(t))
	wantClass(t, err, Garbage)
	<-closed
}

func TestClient_C11_a_reply_in_mid_content_is_heard(t *testing.T) {
	tests := []struct {
		name, reply string
		class       Class // "": the reply is passed on
		code        int
	}{
		{"closing", "421 4.3.2 disk full" + smtptest.ThenHangup, Closing, 421},
		{"too big", "552 5.3.4 too big" + smtptest.ThenHangup, "", 552},
		{"too big, and goes on reading", "552 5.3.4 too big", "", 552},
		{"an early 250 is no acceptance", "250 2.0.0 thanks", Garbage, 250},
		{"an early 250, then closed", "250 2.0.0 thanks" + smtptest.ThenHangup, Garbage, 250},
		{"it does not want us", "530 5.7.0 Must issue a STARTTLS command first" + smtptest.ThenHangup, Refused, 530},
		{"it does not relay for us", "554 5.7.1 Relay access denied" + smtptest.ThenHangup, Refused, 554},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			said := false
			s := sinkWith(t, smtptest.Options{MidContent: func(int) (string, bool) {
				first := !said
				said = true
				return tt.reply, first
			}})
			reply, err := openWith(t, pool(t, nil), s, "b@example.net").Send(t.Context(), bytes.NewReader(large()))
			if tt.class != "" {
				reply = wantClass(t, err, tt.class).Reply
			} else if err != nil {
				t.Fatal(err)
			}
			if reply.Code != tt.code {
				t.Errorf("%+v", reply)
			}
			if len(s.Messages()) != 0 {
				t.Error("half a message was taken")
			}
		})
	}
}

func TestClient_a_reply_behind_354_is_no_acceptance(t *testing.T) {
	s := sink(t, map[string]string{"DATA": "354 go\r\n250 2.0.0 taken"})
	_, err := deliver(t, pool(t, nil), s.Addr().String())
	wantClass(t, err, Garbage)
	if len(s.Messages()) != 0 {
		t.Error("the content was sent")
	}
}

func TestClient_C12_half_a_message_is_never_ended(t *testing.T) {
	broken := errors.New("disk on fire")
	tests := []struct {
		name    string
		content io.ReadSeeker
		want    error
	}{
		{"the source fails at once", failing{strings.NewReader(""), broken}, broken},
		{"the source fails later", failing{bytes.NewReader(large()), broken}, broken},
		{"bare LF", text("a\nb\r\n"), ErrUnclean},
		{"bare CR", text("a\rb\r\n"), ErrUnclean},
		{"CR at the end", text("a\r\nb\r"), ErrUnclean},
		{"NUL", text("a\x00b\r\n"), ErrUnclean},
		{"smuggled end", text("a\r\n\n.\r\nMAIL FROM:<x@example.com>\r\n"), ErrUnclean},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink(t, nil)
			p := pool(t, nil)
			_, err := openWith(t, p, s, "b@example.net").Send(t.Context(), tt.content)
			if _, isFailure := errors.AsType[*Failure](err); !errors.Is(err, tt.want) || isFailure {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			s.Close() // and all it has read is judged
			if len(s.Messages()) != 0 {
				t.Errorf("taken: %+v", s.Messages())
			}
			if n := idle(p); n != 0 {
				t.Errorf("%d connections kept", n)
			}
		})
	}
}

// failing reads like r and then fails instead of ending.
type failing struct {
	io.ReadSeeker
	err error
}

func (f failing) Read(b []byte) (int, error) {
	n, err := f.ReadSeeker.Read(b)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func TestDuty_X_PIPE_Relay(t *testing.T) {
	seen := make(chan string, 10)
	addr := scripted(t, func(nc net.Conn, _ *bufio.Reader) {
		read := func() {
			b := make([]byte, 4096)
			n, _ := nc.Read(b)
			seen <- string(b[:n])
		}
		io.WriteString(nc, "220 hi\r\n")
		read()
		io.WriteString(nc, "250-hi\r\n250 PIPELINING\r\n")
		read()
		io.WriteString(nc, "250 ok\r\n250 ok\r\n")
		read()
		io.WriteString(nc, "354 go\r\n")
		read()
		io.WriteString(nc, "250 ok\r\n")
		read()
		close(seen)
	})
	p := pool(t, nil)
	if _, err := deliver(t, p, addr); err != nil {
		t.Fatal(err)
	}
	p.Close()
	var flights []string
	for flight := range seen {
		flights = append(flights, flight)
	}
	want := []string{"EHLO gate.example.com\r\n", "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\n", "DATA\r\n", content + ".\r\n", "QUIT\r\n"}
	if !slices.Equal(flights, want) {
		t.Errorf("%q, want %q", flights, want)
	}
}

func TestClient_the_end_of_the_context_ends_a_call(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := sinkWith(t, smtptest.Options{Reply: func(verb, arg string) (string, bool) {
		if verb != "RCPT" || !strings.Contains(arg, "slow") {
			return "", false
		}
		cancel()
		return smtptest.Silence, true
	}})
	d := openWith(t, pool(t, patient), s, "b@example.net")
	_, err := d.Rcpt(ctx, address(t, "slow@example.net"), noDSN)
	wantClass(t, err, Lost)
	_, err = d.Rcpt(ctx, address(t, "c@example.net"), noDSN)
	wantClass(t, err, Connect)
	if reply, err := d.Send(t.Context(), text(content)); err != nil || !reply.Positive() { // replayed
		t.Errorf("%v, %v", reply, err)
	}
}
