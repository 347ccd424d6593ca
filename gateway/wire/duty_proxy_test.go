package wire_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/wire"
)

var loopbackOnly = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// proxied serves a loopback socket whose clients are balancers.
func proxied(t *testing.T, change func(*wire.Config)) *server {
	t.Helper()
	return startOn(t, change, wire.Socket{Listener: loopback(t), Balancers: loopbackOnly})
}

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 makes a header of version 2; its length is right.
func v2(command, family byte, body string) string {
	h := append([]byte(signature), command, family)
	h = binary.BigEndian.AppendUint16(h, uint16(len(body)))
	return string(h) + body
}

// withSum adds a checksum to a header of version 2, wrong by so much.
func withSum(command, family byte, body string, wrong uint32) string {
	h := []byte(v2(command, family, body+"\x03\x00\x04\x00\x00\x00\x00"))
	binary.BigEndian.PutUint32(h[len(h)-4:], crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli))+wrong)
	return string(h)
}

const (
	tcp4 = "\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19" // 192.0.2.7 to 198.51.100.1
	tcp6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xdc\x04\x00\x19"
	mapped4 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x07"
)

// proxyHeaders are headers and the client they name, "" if they are to be
// refused.
var proxyHeaders = []struct{ header, client string }{
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", "192.0.2.7"},
	{"PROXY TCP6 2001:db8::7 2001:DB8::1 56324 25\r\n", "2001:db8::7"},
	{"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n", "192.0.2.7"},
	{"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"PROXY UNKNOWN\r\n", "127.0.0.1"},
	{"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "127.0.0.1"},
	{"PROXY UNKNOWN 192.0.2.7 what ever\r\n", "127.0.0.1"},

	{"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", ""}, // 108 octets
	{"PROXY UNKNOWNS\r\n", ""},
	{"proxy TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY tcp4 192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY UDP4 192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 2001:db8::7 2001:db8::1 56324 25\r\n", ""},
	{"PROXY TCP6 192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 2001:db8::1 56324 25\r\n", ""},
	{"PROXY TCP6 fe80::1%eth0 fe80::2 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.02.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.2 198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 056324 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 +1 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25 1\r\n", ""},
	{"PROXY TCP4  192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY\tTCP4 192.0.2.7 198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25 \r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\r\n", ""},
	{"PROXY TCP4 192.0.2.7\x00198.51.100.1 56324 25\r\n", ""},
	{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\n" + strings.Repeat("x", 64), ""},
	{"EHLO client.example\r\n", ""},
	{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00", ""},

	{v2(0x21, 0x11, tcp4), "192.0.2.7"},
	{v2(0x21, 0x21, tcp6), "2001:db8::7"},
	{v2(0x21, 0x21, mapped4+tcp6[16:]), "192.0.2.7"},
	{v2(0x21, 0x11, tcp4+"\x04\x00\x00\x20\x00\x02ab"), "192.0.2.7"},
	{v2(0x21, 0x11, tcp4+"\xea\x07\xe1"+strings.Repeat("x", 2017)), "192.0.2.7"}, // 2048 octets
	{withSum(0x21, 0x11, tcp4, 0), "192.0.2.7"},
	{withSum(0x21, 0x21, tcp6+"\x01\x00\x04smtp", 0), "2001:db8::7"},
	{v2(0x20, 0x00, ""), "127.0.0.1"},
	{v2(0x20, 0x11, tcp4), "127.0.0.1"},
	{v2(0x20, 0x99, "what ever"), "127.0.0.1"},
	{v2(0x21, 0x00, ""), "127.0.0.1"},

	{withSum(0x21, 0x11, tcp4, 1), ""},
	{withSum(0x21, 0x00, "", 1), ""},
	{withSum(0x21, 0x11, tcp4+"\x03\x00\x04\x00\x00\x00\x00", 0), ""},
	{v2(0x21, 0x11, tcp4+"\x03\x00\x00"), ""},
	{v2(0x21, 0x11, tcp4+"\x04\x00\x01"), ""},
	{v2(0x21, 0x11, tcp4+"\x04\x00"), ""},
	{v2(0x21, 0x11, tcp4[:11]), ""},
	{v2(0x21, 0x21, tcp6[:35]), ""},
	{v2(0x21, 0x21, tcp4), ""},
	{v2(0x21, 0x12, tcp4), ""},                     // UDP
	{v2(0x21, 0x22, tcp6), ""},                     // UDP
	{v2(0x21, 0x31, strings.Repeat("/", 216)), ""}, // Unix
	{v2(0x21, 0x41, tcp4), ""},                     // no such family
	{v2(0x22, 0x11, tcp4), ""},                     // no such command
	{v2(0x11, 0x11, tcp4), ""},                     // version 1, binary
	{v2(0x21, 0x11, tcp4+"\xea\x07\xe2"+strings.Repeat("x", 2018)), ""},
	{strings.Replace(v2(0x21, 0x11, tcp4), "QUIT", "quit", 1), ""},
}

func TestDuty_X3(t *testing.T) {
	told := make(chan netip.Addr, 1)
	s := proxied(t, func(cfg *wire.Config) {
		cfg.Admit = func(a netip.Addr) wire.Admission {
			told <- a
			return wire.Admission{Source: "provider", Verdict: wire.Admitted}
		}
	})
	dropped := int64(0)
	for _, test := range proxyHeaders {
		c := s.dial(t)
		c.send(test.header)
		if test.client == "" {
			dropped++
			c.expect("EOF") // at once: nothing more was sent
			if got := s.l.Stats().Dropped; got != dropped || len(told) > 0 {
				t.Errorf("%q: %d dropped, want %d; %d admitted", test.header, got, dropped, len(told))
			}
			continue
		}
		c.expect("220 " + hostname)
		if got := <-told; got.String() != test.client {
			t.Errorf("%q: client %v, want %s", test.header, got, test.client)
		}
		c.ehlo() // not an octet of the client's was taken for the header
	}
}

func TestDuty_X3_TheClientBehindItIsTheClient(t *testing.T) {
	s := proxied(t, func(cfg *wire.Config) {
		cfg.TLSConfig = serverTLS()
		cfg.Admit = func(a netip.Addr) wire.Admission {
			if a != netip.MustParseAddr("192.0.2.7") {
				return wire.Admission{}
			}
			return wire.Admission{Source: "provider", Verdict: wire.Admitted}
		}
	})
	c := s.dial(t)
	for _, octet := range strings.Split("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", "") {
		c.send(octet)
	}
	c.expect("220")
	c.ehlo()
	c.send("STARTTLS\r\n")
	c.expect("220")
	c.startTLS()
	c.ehlo()
	c.mail()
	c.send(".\r\n")
	c.expect("250 2.0.0")

	c = s.dial(t)
	c.send(v2(0x21, 0x21, tcp6))
	c.expect("554")
	c.send("EHLO attacker.example\r\nQUIT\r\n")
	c.expect("503", "221", "EOF")
	if got := <-s.strangers; got != "2001:db8::7 attacker.example" {
		t.Errorf("told of %q", got)
	}
	c = s.dial(t)
	c.send("PROXY UNKNOWN\r\n") // the balancer is no source by itself
	c.expect("554")
}

func TestDuty_X3_WhatFollowsTheHeaderIsTheClients(t *testing.T) {
	s := proxied(t, nil)
	for _, header := range []string{v2(0x21, 0x11, tcp4), "PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n"} {
		for _, more := range []string{"EHLO client.example\r\n", header} {
			c := s.dial(t)
			c.send(header + more)
			c.expect("554 5.5.0", "EOF") // before the banner
		}
	}
}

func TestDuty_X3_OnlyFromBalancers(t *testing.T) {
	for _, balancers := range [][]netip.Prefix{{}, {netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::/0")}} {
		told := make(chan error, 1)
		s := startOn(t, func(cfg *wire.Config) { cfg.OnProxyFault = func(_ netip.Addr, err error) { told <- err } },
			wire.Socket{Listener: loopback(t), Balancers: balancers})
		s.dropped(t)
		if err := <-told; !errors.Is(err, wire.ErrNoBalancer) {
			t.Errorf("told of %v", err)
		}
	}
	c := start(t, nil).dial(t) // and only on sockets that have some
	c.expect("220")
	c.send("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n")
	c.expect("500 5.5.1")
}

func TestDuty_M1_PROXYHeaderHasFiveSeconds_X3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		startOn(t, nil, wire.Socket{Listener: p, Balancers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		begin := time.Now()
		c := p.dial(t)
		for _, part := range []string{"PROXY", " TCP4 192.0.2.7", " 198.51.100.1"} { // octet by octet does not help
			c.send(part)
			time.Sleep(1500 * time.Millisecond)
		}
		c.expect("EOF")
		after(t, begin, 5*time.Second)

		c = p.dial(t)
		c.send("PROXY UNKNOWN\r\n")
		c.expect("220")
		begin = time.Now()
		c.expect("421 4.4.2", "EOF") // the five seconds are over with the header
		after(t, begin, 300*time.Second)
	})
}

func TestDuty_X3_SilentOnesHinderNobody(t *testing.T) {
	s := proxied(t, func(cfg *wire.Config) { cfg.MaxConnsPerSource, cfg.ProxyTimeout = 1000, time.Hour })
	var silent []*client
	for range 256 {
		c := s.dial(t)
		c.send("PROXY")
		silent = append(silent, c)
	}
	s.dropped(t) // so many are no accident
	for _, c := range silent {
		c.send(" UNKNOWN\r\n")
		c.expect("220")
	}
	s.dial(t).send("PROXY")
	waiting := s.dial(t)
	waiting.send("PROXY UNKNOWN")
	silent[0].ehlo()
	silent[0].mail()
	drained := make(chan error)
	go func() { drained <- s.l.Drain(t.Context()) }()
	waiting.expect("EOF")
	silent[0].send(".\r\n")
	silent[0].expect("250", "421 4.3.2")
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
}
