package relay

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"runtime"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

// serverTLS is the configuration of a next hop called tlsHost, and the CA that
// says so.
func serverTLS(t testing.TB) (*tls.Config, *x509.CertPool) {
	ca := newCA(t)
	cert := ca.sign(t, template("mail.example.com", today)).certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}, ca.pool()
}

// routeTLS leads to s with that mode; roots may be nil.
func routeTLS(s *smtptest.Sink, mode TLSMode, roots *x509.CertPool) *Route {
	return &Route{Hosts: []string{s.Target()}, TLS: TLSPolicy{Mode: mode, ServerName: "mail.example.com", Roots: roots}}
}

func TestUpgradeForgetsWhatWasSaidInClear(t *testing.T) {
	config, roots := serverTLS(t)
	ehlos := 0
	s := sinkWith(t, smtptest.Options{TLS: config, Extensions: all, Reply: func(verb, _ string) (string, bool) {
		if verb == "EHLO" {
			ehlos++
		}
		return "250-sink\r\n250-DSN\r\n250-STARTTLS\r\n250 XCLIENT ADDR", verb == "EHLO" && ehlos == 1
	}})
	p := pool(t, nil)
	r := routeTLS(s, TLSVerified, roots)
	probed, err := p.Probe(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	caps := probed[0].Capabilities
	if !caps.SMTPUTF8 || !caps.RequireTLS || caps.XClient != nil || caps.StartTLS {
		t.Errorf("%+v", caps)
	}
	if caps.TLS == nil || caps.TLS.Version != tls.VersionTLS13 || !caps.TLS.Verified || caps.TLS.How != "ca" {
		t.Errorf("%+v", caps.TLS)
	}
	for range 2 {
		if reply, err := deliverOver(t, p, r, mail.Client{}); err != nil || !reply.Positive() {
			t.Fatalf("%v, %v", reply, err)
		}
	}
	for _, m := range s.Messages() {
		if !m.TLS || string(m.Content) != content {
			t.Errorf("%+v", m)
		}
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
}

// R4 and R7: there is no message in clear where TLS was demanded.
func TestDuty_R7_Relay_never_in_clear(t *testing.T) {
	config, _ := serverTLS(t)
	tests := []struct {
		name  string
		opts  smtptest.Options
		modes map[TLSMode]Class // "": delivered in clear
	}{
		{"not offered", smtptest.Options{}, map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: TLS, TLSVerified: TLS}},
		{"no EHLO", smtptest.Options{Reply: func(verb, _ string) (string, bool) { return "502 5.5.1 what?", verb == "EHLO" }},
			map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: TLS}},
		{"certificate of nobody we know", smtptest.Options{TLS: config}, map[TLSMode]Class{TLSVerified: TLS}},
		{"454", smtptest.Options{TLS: config, Reply: reply("454 4.7.0 not now")}, map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: Refused}},
		{"502", smtptest.Options{TLS: config, Reply: reply("502 5.5.1 no")}, map[TLSMode]Class{TLSOpportunistic: "", TLSVerified: Refused}},
		{"421", smtptest.Options{TLS: config, Reply: reply("421 4.3.2 bye" + smtptest.ThenHangup)}, map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: Closing}},
		{"hangs up", smtptest.Options{TLS: config, Reply: reply(smtptest.Hangup)}, map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: Lost}},
		{"handshake fails", smtptest.Options{TLS: &tls.Config{}}, map[TLSMode]Class{TLSOpportunistic: "", TLSRequired: TLS}},
		{"says more than 220", smtptest.Options{TLS: config, Reply: reply("220 go\r\n250 and on")}, map[TLSMode]Class{TLSRequired: Garbage}},
	}
	for _, tt := range tests {
		for mode, class := range tt.modes {
			t.Run(tt.name+" "+mode.String(), func(t *testing.T) {
				s := sinkWith(t, tt.opts)
				p := pool(t, nil)
				reply, err := deliverOver(t, p, routeTLS(s, mode, nil), mail.Client{})
				if class != "" {
					wantClass(t, err, class)
					if count(s.Commands(), "MAIL") != 0 || idle(p) != 0 {
						t.Errorf("%q, %d idle", s.Commands(), idle(p))
					}
					return
				}
				if err != nil || !reply.Positive() || s.Messages()[0].TLS {
					t.Fatalf("%v, %v, %+v", reply, err, s.Messages())
				}
			})
		}
	}
}

func reply(to string) func(verb, arg string) (string, bool) {
	return func(verb, _ string) (string, bool) { return to, verb == "STARTTLS" }
}

func TestUpgradeThatFailsIsRecorded(t *testing.T) {
	s := sinkWith(t, smtptest.Options{TLS: &tls.Config{}}) // which has no certificate
	probed, err := pool(t, nil).Probe(t.Context(), routeTLS(s, TLSOpportunistic, nil))
	if err != nil {
		t.Fatal(err)
	}
	if state := probed[0].Capabilities.TLS; state == nil || state.Version != 0 || state.Fallback == "" || state.Verified {
		t.Errorf("%+v", state)
	}
	if n := s.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestUpgradeIsNotToBlameForAllFailures(t *testing.T) {
	config, _ := serverTLS(t)
	for _, step := range []smtptest.Step{smtptest.Banner, smtptest.Hello} {
		s := sinkWith(t, smtptest.Options{TLS: config, Faults: []smtptest.Fault{{Step: step, Kind: smtptest.Temporary}}})
		_, err := pool(t, nil).Probe(t.Context(), routeTLS(s, TLSOpportunistic, nil))
		wantClass(t, err, Refused)
		if n := s.Connections(); n != 1 {
			t.Errorf("%s: %d connections", step, n)
		}
	}
}

func TestUpgrade_C11_a_reply_in_mid_content_is_heard(t *testing.T) {
	config, roots := serverTLS(t)
	said := false
	s := sinkWith(t, smtptest.Options{TLS: config, MidContent: func(int) (string, bool) {
		first := !said
		said = true
		return "552 5.3.4 too big", first
	}})
	d := openTo(t, pool(t, nil), routeTLS(s, TLSVerified, roots), mail.Client{})
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
		t.Fatal(err)
	}
	if reply, err := d.Send(t.Context(), bytes.NewReader(large())); err != nil || reply.Code != 552 {
		t.Errorf("%v, %v", reply, err)
	}
}

// What is said unasked is seen through TLS, although it cannot be read there, and
// what TLS itself says after a handshake is not taken for it.
func TestUpgradeHidesNothingSaidUnasked(t *testing.T) {
	config, roots := serverTLS(t)
	s := sinkWith(t, smtptest.Options{TLS: config})
	d := openTo(t, pool(t, nil), routeTLS(s, TLSVerified, roots), mail.Client{})
	defer d.Abort()
	for range 100 {
		if !d.conn.quiet() {
			t.Fatal("taken for lost")
		}
		runtime.Gosched()
	}
	s.Drop()
	for deadline := time.Now().Add(10 * time.Second); d.conn.quiet(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not noticed")
		}
	}
	d.conn.armed = d.conn.armed.Add(-lookAfter) // as if it had waited
	if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
		t.Error(err)
	}
}
