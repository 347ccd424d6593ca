package smtptest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// certificate is a server's, for nobody in particular.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"sink.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestSink_speaks_TLS(t *testing.T) {
	s := start(t, Options{TLS: certificate(t)})
	nc, err := net.Dial("tcp", s.Target())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	talk := func(nc net.Conn, r *bufio.Reader, say, want string) {
		t.Helper()
		io.WriteString(nc, say)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("%q: %q, %v; want %q", say, got, err, want)
		}
	}
	r := bufio.NewReader(nc)
	talk(nc, r, "", steps[0].reply)
	talk(nc, r, "EHLO a.example\r\n", "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 104857600\r\n250 STARTTLS\r\n")
	talk(nc, r, "STARTTLS\r\n", "220 2.0.0 go ahead\r\n")
	secure := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	r = bufio.NewReader(secure)
	talk(secure, r, "MAIL FROM:<>\r\n", "503 5.5.1 bad sequence\r\n") // EHLO is forgotten
	for _, step := range steps[1:] {
		talk(secure, r, step.say, step.reply)
	}
	if m := s.Messages(); len(m) != 1 || !m[0].TLS || !s.Sessions()[0].TLS {
		t.Errorf("%+v", m)
	}
	if v := s.Violations(); !slices.Equal(v, []string{"MAIL out of order"}) {
		t.Error(v)
	}

	s = start(t, Options{TLS: certificate(t)})
	dialogue(t, s, "EHLO a.example\r\nSTARTTLS\r\nNOOP\r\n")
	if v := s.Violations(); len(v) == 0 || v[len(v)-1] != "input behind STARTTLS before its reply" {
		t.Errorf("%q", v)
	}
}

func TestSink_is_an_LMTP_server_on_a_unix_socket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lmtp")
	s, err := Start("unix:"+path, Options{LMTP: true, Reply: func(verb, arg string) (string, bool) {
		return "452 4.2.2 full", verb == Dot && strings.HasPrefix(arg, "c@")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if s.Target() != "unix:"+path {
		t.Errorf("target %q", s.Target())
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	for _, step := range []struct{ say, want string }{
		{"", "220 sink.example LMTP\r\n"},
		{"EHLO a.example\r\n", "500 5.5.1 unknown command\r\n"},
		{"LHLO a.example\r\n", steps[1].reply},
		{"MAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n", "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n"},
		{"DATA\r\n", "354 go ahead\r\n"},
		{"x\r\n.\r\n", "250 2.0.0 taken\r\n452 4.2.2 full\r\n"},
	} {
		io.WriteString(nc, step.say)
		got := make([]byte, len(step.want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != step.want {
			t.Fatalf("%q: %q, %v; want %q", step.say, got, err, step.want)
		}
	}
	if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].ForwardPaths, []string{"b@example.net"}) {
		t.Errorf("%+v", m)
	}
	if _, err := Start("unix:"+filepath.Join(path, "none"), Options{}); err == nil {
		t.Error("listens where it cannot")
	}
}

func TestSink_records_parameters(t *testing.T) {
	s := start(t, Options{Extensions: []string{"SIZE", "8bitmime", "DSN", "SMTPUTF8", "REQUIRETLS"}})
	dialogue(t, s, "EHLO a\r\nMAIL FROM:<> SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x REQUIRETLS\r\nRCPT TO:<b@x.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@x.example\r\nRCPT TO:<c@x.example>\r\nDATA\r\n.\r\n")
	m := s.Messages()
	if len(m) != 1 {
		t.Fatalf("%+v", m)
	}
	if got := fmt.Sprint(m[0].Params, m[0].RcptParams); got != "[SIZE=5 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x REQUIRETLS] [[NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@x.example] []]" {
		t.Error(got)
	}
	commands := s.Sessions()[0].Commands
	if want := "DATA ."; strings.Join(commands[len(commands)-2:], " ") != want {
		t.Errorf("%q", commands)
	}
	for _, v := range s.Violations() {
		if strings.Contains(v, "not offered") {
			t.Error(v)
		}
	}
	s = start(t, Options{Extensions: []string{}})
	dialogue(t, s, "EHLO a\r\nMAIL FROM:<> SMTPUTF8 FOO=1\r\nRCPT TO:<b@x.example> NOTIFY=NEVER\r\n")
	for _, param := range []string{"SMTPUTF8", "FOO=1", "NOTIFY=NEVER"} {
		if !slices.ContainsFunc(s.Violations(), func(v string) bool { return strings.Contains(v, `"`+param+`", which was not offered`) }) {
			t.Errorf("%s is no violation: %q", param, s.Violations())
		}
	}
}

func TestSink_is_told_who_the_client_is(t *testing.T) {
	extensions := []string{"XFORWARD NAME ADDR HELO", "XCLIENT NAME ADDR"}
	s := start(t, Options{Extensions: extensions})
	dialogue(t, s, "EHLO a\r\nXFORWARD NAME=n ADDR=192.0.2.1\r\nXFORWARD HELO=h\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n.\r\n")
	m := s.Messages()
	if len(m) != 2 || !maps.Equal(m[0].Forwarded, map[string]string{"NAME": "n", "ADDR": "192.0.2.1", "HELO": "h"}) || m[1].Forwarded != nil {
		t.Errorf("%+v", m)
	}

	s = start(t, Options{Extensions: extensions})
	heard := dialogue(t, s, "EHLO a\r\nXCLIENT ADDR=192.0.2.1\r\n")
	if !strings.HasSuffix(heard, "220 sink.example ESMTP\r\n") {
		t.Errorf("%q", heard)
	}
	s = start(t, Options{Extensions: extensions})
	dialogue(t, s, "EHLO a\r\nXCLIENT ADDR=192.0.2.1\r\nMAIL FROM:<>\r\nEHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n.\r\n")
	if m := s.Messages(); len(m) != 1 || m[0].Replaced["ADDR"] != "192.0.2.1" || !slices.Contains(s.Violations(), "MAIL out of order") {
		t.Errorf("%+v, %q", m, s.Violations())
	}
	for _, c := range []struct{ say, want string }{
		{"XFORWARD PORT=25\r\n", `"PORT=25", which was not offered`},
		{"XFORWARD NAME=\r\n", `"NAME=", which was not offered`},
		{"XFORWARD NAME=" + strings.Repeat("x", 500) + "\r\n", "XFORWARD of 516 octets"},
		{"MAIL FROM:<>\r\nXCLIENT NAME=x\r\n", "XCLIENT in mid transaction"},
	} {
		s := start(t, Options{Extensions: extensions})
		dialogue(t, s, "EHLO a\r\n"+c.say)
		if !slices.ContainsFunc(s.Violations(), func(v string) bool { return strings.Contains(v, c.want) }) {
			t.Errorf("%.40q: %q", c.say, s.Violations())
		}
	}
	s = start(t, Options{})
	dialogue(t, s, "EHLO a\r\nXCLIENT NAME=x\r\n")
	if !slices.Contains(s.Violations(), `unknown command "XCLIENT"`) {
		t.Errorf("%q", s.Violations())
	}
}
