package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"mxgate/policy/dns"
)

func snapshot(t testing.TB, zone string) *dns.Snapshot {
	t.Helper()
	s, err := dns.ParseSnapshot(zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// association is the data that a TLSA record with these fields has for cert. Of an
// unknown selector or matching type they are those of 0.
func association(cert *x509.Certificate, selector, matching uint8) []byte {
	data := cert.Raw
	if selector == 1 {
		data = cert.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(data)
		return sum[:]
	case 2:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	return data
}

// record is a line of zone text for cert.
func record(owner string, usage, selector, matching uint8, cert *x509.Certificate) string {
	return fmt.Sprintf("%s TLSA %d %d %d %x\n", owner, usage, selector, matching, association(cert, selector, matching))
}

// Every usage with every selector and matching type, two values of each unknown
// to anyone; the right certificate, another one, data cut short; certificates
// that are good, expired, or for another name.
func TestDuty_S1_DANE(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	otherLeaf := other.sign(t, template("mail.example.com", today))
	for name, leaf := range map[string]*authority{
		"good":      ca.sign(t, template("mail.example.com", today)),
		"expired":   ca.sign(t, template("mail.example.com", lastYear)),
		"misnamed":  ca.sign(t, template("mail.example.net", today)),
		"self-made": (*authority)(nil).sign(t, template("mail.example.com", today)),
	} {
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.certificate(ca)}})
		for usage := range uint8(5) {
			for selector := range uint8(3) {
				for matching := range uint8(4) {
					right, wrong := leaf, otherLeaf
					if usage == daneTA {
						right, wrong = ca, other
					}
					for _, about := range []string{"right", "wrong", "short"} {
						data := association(right.cert, selector, matching)
						switch about {
						case "wrong":
							data = association(wrong.cert, selector, matching)
						case "short":
							data = data[:len(data)-1]
						}
						zone := snapshot(t, fmt.Sprintf("example.com DNSSEC signed\nmail.example.com A 192.0.2.1\n_25._tcp.mail.example.com TLSA %d %d %d %x", usage, selector, matching, data))
						usable := usage == 2 || usage == 3
						usable = usable && selector < 2 && matching < 3 && about != "short"
						verified := usable && about == "right" && (usage == 3 || name == "good")
						what := fmt.Sprintf("%s certificate, %d %d %d %s", name, usage, selector, matching, about)
						dane(t, what, zone, server, usable, verified)
					}
				}
			}
		}
	}
}

// dane tries both modes and compares the outcome.
func dane(t *testing.T, what string, r dns.TLSAResolver, server *tlsServer, usable, verified bool) {
	t.Helper()
	cfg := Config{Resolver: r}
	if _, err := cfg.secure(t.Context(), tlsHost, TLSPolicy{Mode: TLSDaneOnly}); usable != (err == nil) {
		t.Errorf("%s: DANE only: %v", what, err)
	}
	plan := planned(t, cfg, tlsHost, TLSPolicy{Mode: TLSDane})
	if start, err := plan.wants(false); start || err == nil {
		t.Errorf("%s: in clear text", what)
	}
	state, err := shake(t, plan, server)
	switch {
	case usable && !verified:
		if f, ok := errors.AsType[*Failure](err); !ok || f.Class != TLS {
			t.Errorf("%s: got %+v, %v", what, state, err)
		}
	case err != nil || state.Verified != verified || verified && state.How != "dane":
		t.Errorf("%s: got %+v, %v", what, state, err)
	}
}

func TestDANEPlanFollowsDNSSEC(t *testing.T) {
	cert := newCA(t).cert
	zone := `
		example.com              DNSSEC signed
		mail.example.com         A      192.0.2.1
		six.example.com          AAAA   2001:db8::1
		half.example.com         A      192.0.2.1
		half.example.com         AAAA   2001:db8::1
		other.example.com        A      192.0.2.1
		other.example.com        AAAA   2001:db8::1
		none.example.com         A      192.0.2.1
		alias.example.com        CNAME  mail.example.com
		twice.example.com        CNAME  alias.example.com
		own.example.com          CNAME  none.example.com
		out.example.com          CNAME  mail.example.net
		outnone.example.com      CNAME  mail.example.net
		unsigned.example.com     A      192.0.2.1
		unusable.example.com     A      192.0.2.1
		bogus.example.com        A      192.0.2.1
		broken.example.com       A      192.0.2.1
		late.example.com         A      192.0.2.1
		forged.example.com       A      BOGUS
		lost.example.com         AAAA   SERVFAIL
		endless.example.com      A      192.0.2.1
		_25._tcp.bogus.example.com   TLSA BOGUS
		_25._tcp.broken.example.com  TLSA SERVFAIL
		_25._tcp.late.example.com    TLSA TIMEOUT
		_25._tcp.unusable.example.com TLSA 1 1 1 00
		_25._tcp.unsigned.example.com CNAME tlsa.example.net
		mail.example.net         A      192.0.2.2
		in.example.net           CNAME  mail.example.com
		old.example.net          A      192.0.2.2
		# Their DNS servers know nothing of TLSA: they must not be asked.
		_25._tcp.in.example.net  TLSA   SERVFAIL
		_25._tcp.old.example.net TLSA   SERVFAIL
	` + record("_25._tcp.mail.example.com", 3, 1, 1, cert) +
		record("_25._tcp.six.example.com", 3, 1, 1, cert) +
		record("_25._tcp.own.example.com", 3, 1, 1, cert) +
		record("_25._tcp.half.example.com", 3, 1, 1, cert) +
		record("_25._tcp.other.example.com", 3, 1, 1, cert) +
		record("_25._tcp.out.example.com", 3, 1, 1, cert) +
		record("_24._tcp.none.example.com", 3, 1, 1, cert) +
		record("tlsa.example.net", 3, 1, 1, cert) +
		record("_25._tcp.mail.example.net", 3, 1, 1, cert)
	for i := range maxAliases + 1 {
		zone += fmt.Sprintf("a%d.example.com CNAME a%d.example.com\n", i, i+1)
	}
	zone += fmt.Sprintf("a%d.example.com A 192.0.2.1\n", maxAliases+1)
	cfg := Config{Resolver: &mixed{snapshot(t, zone)}}
	for _, test := range []struct {
		host  string
		mode  TLSMode // with TLSDane
		names string
		class Class  // with TLSDane; "": a plan
		only  Class  // with TLSDaneOnly
		text  string // of the failure with TLSDaneOnly
	}{
		{"mail.example.com:25", TLSDane, "mail.example.com mail.example.com", "", "", ""},
		{"six.example.com:25", TLSDane, "six.example.com six.example.com", "", "", ""},
		{"alias.example.com:25", TLSDane, "mail.example.com alias.example.com", "", "", ""},
		{"twice.example.com:25", TLSDane, "mail.example.com twice.example.com", "", "", ""},
		{"own.example.com:25", TLSDane, "own.example.com own.example.com", "", "", ""},
		{"out.example.com:25", TLSDane, "out.example.com out.example.com", "", "", ""},
		{"outnone.example.com:25", TLSOpportunistic, "", "", TLS, "has no TLSA record"},
		{"mail.example.com:24", TLSOpportunistic, "", "", TLS, `"_24._tcp.mail.example.com" has no TLSA record`},
		{"none.example.com:24", TLSDane, "none.example.com none.example.com", "", "", ""},
		{"none.example.com:25", TLSOpportunistic, "", "", TLS, "has no TLSA record"},
		{"half.example.com:25", TLSOpportunistic, "", "", TLS, "not signed"},
		{"other.example.com:25", TLSOpportunistic, "", "", TLS, "not signed"},
		{"mail.example.net:25", TLSOpportunistic, "", "", TLS, `addresses of "mail.example.net" are not signed`},
		{"old.example.net:25", TLSOpportunistic, "", "", TLS, "not signed"},
		{"in.example.net:25", TLSOpportunistic, "", "", TLS, "not signed"},
		{"unsigned.example.com:25", TLSOpportunistic, "", "", TLS, "TLSA records that are not signed"},
		{"nosuch.example.com:25", TLSOpportunistic, "", "", TLS, "no address"},
		{"192.0.2.1:25", TLSOpportunistic, "", "", TLS, "no name"},
		{"[2001:db8::1]:25", TLSOpportunistic, "", "", TLS, "no name"},
		{"unix:/run/lmtp", TLSOpportunistic, "", "", TLS, "no name"},
		{"unusable.example.com:25", TLSRequired, "unusable.example.com unusable.example.com", "", TLS, "none of the 1 TLSA records"},
		{"bogus.example.com:25", 0, "", TLS, TLS, "bogus"},
		{"forged.example.com:25", 0, "", TLS, TLS, "bogus"},
		{"broken.example.com:25", 0, "", Resolve, Resolve, "temporary"},
		{"late.example.com:25", 0, "", Resolve, Resolve, "temporary"},
		{"lost.example.com:25", 0, "", Resolve, Resolve, "temporary"},
		{"a0.example.com:25", 0, "", Resolve, Resolve, "CNAME loop"},
		{"endless.example.com:25", 0, "", TLS, TLS, "more than 8 aliases"},
		{"a1.example.com:25", TLSOpportunistic, "", "", TLS, "has no TLSA record"},
	} {
		plan, err := cfg.secure(t.Context(), test.host, TLSPolicy{Mode: TLSDane})
		if test.class != "" {
			wantClass(t, err, test.class)
		} else if err != nil || plan.mode != test.mode || strings.Join(plan.names, " ") != test.names || (plan.mode == TLSDane) != (len(plan.records) > 0) {
			t.Errorf("%s: got %+v, %v", test.host, plan, err)
		}
		plan, err = cfg.secure(t.Context(), test.host, TLSPolicy{Mode: TLSDaneOnly})
		if test.only != "" {
			if wantClass(t, err, test.only); !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s, DANE only: got %v, want %q", test.host, err, test.text)
			}
		} else if err != nil || plan.mode != TLSDaneOnly {
			t.Errorf("%s, DANE only: got %+v, %v", test.host, plan, err)
		}
	}
	for _, mode := range []TLSMode{TLSDane, TLSDaneOnly} {
		_, err := Config{}.secure(t.Context(), tlsHost, TLSPolicy{Mode: mode})
		wantClass(t, err, TLS)
	}
}

// mixed says of half.example.com that its IPv6 address is not signed, of
// other.example.com that its IPv4 address is not, and of endless.example.com
// that it is an alias of itself, and has an address.
type mixed struct{ *dns.Snapshot }

func (m *mixed) A(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := m.Snapshot.A(ctx, name)
	a.Authentic = a.Authentic && name != "other.example.com"
	return a, err
}

func (m *mixed) AAAA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	a, err := m.Snapshot.AAAA(ctx, name)
	a.Authentic = a.Authentic && name != "half.example.com"
	return a, err
}

func (m *mixed) CNAME(ctx context.Context, name string) (dns.Answer[string], error) {
	if name == "endless.example.com" {
		return dns.Answer[string]{Records: []string{name}, Authentic: true}, nil
	}
	return m.Snapshot.CNAME(ctx, name)
}

func TestDANEWithSeveralRecordsAndNames(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	between := ca.sign(t, template("", today))
	expiredCA := (*authority)(nil).sign(t, template("", lastYear))
	leaf := between.sign(t, template("mail.example.com", today))
	elsewhere := other.sign(t, template("mail.example.com", today))
	name := "_25._tcp.mail.example.com"
	for _, test := range []struct {
		name    string
		server  tls.Certificate
		records string
		want    bool
	}{
		{"one of two is enough", leaf.certificate(), record(name, 3, 1, 1, other.cert) + record(name, 3, 0, 1, leaf.cert), true},
		{"the next key is announced", leaf.certificate(between, ca), record(name, 3, 1, 1, other.cert) + record(name, 2, 1, 1, ca.cert), true},
		{"intermediate as the issuer", leaf.certificate(between), record(name, 2, 0, 1, between.cert), true},
		{"issuer not sent, digest only", leaf.certificate(between), record(name, 2, 0, 1, ca.cert), false},
		{"issuer not sent, in the record", leaf.certificate(between), record(name, 2, 0, 0, ca.cert), true},
		{"issuer sent, of another", elsewhere.certificate(ca), record(name, 2, 0, 1, ca.cert), false},
		{"issuer sent, in the record, of another", elsewhere.certificate(ca), record(name, 2, 0, 0, ca.cert), false},
		{"the server is no issuer, though sent twice", leaf.certificate(leaf, between, ca), record(name, 2, 1, 1, leaf.cert), false},
		{"the server is no issuer, though in the record", leaf.certificate(between, ca), record(name, 2, 0, 0, leaf.cert), false},
		{"the server is no issuer", leaf.certificate(between, ca), record(name, 2, 1, 1, leaf.cert), false},
		{"the issuer is not the server", leaf.certificate(between, ca), record(name, 3, 1, 1, ca.cert), false},
		{"expired issuer", expiredCA.sign(t, template("mail.example.com", today)).certificate(expiredCA), record(name, 2, 1, 1, expiredCA.cert), false},
		{"the stronger digest decides", leaf.certificate(), record(name, 3, 1, 1, leaf.cert) + record(name, 3, 1, 2, other.cert), false},
		{"of another selector it does not", leaf.certificate(), record(name, 3, 1, 1, leaf.cert) + record(name, 3, 0, 2, other.cert), true},
		{"of another usage it does not", leaf.certificate(), record(name, 3, 1, 1, leaf.cert) + record(name, 2, 1, 2, other.cert), true},
		{"malformed ones do not", leaf.certificate(), record(name, 3, 1, 1, leaf.cert) + name + " TLSA 3 1 2 00\n", true},
		{"unusable ones are left out", leaf.certificate(), record(name, 1, 1, 1, other.cert) + record(name, 3, 1, 1, leaf.cert), true},
		{"unusable ones do not help", leaf.certificate(), record(name, 1, 1, 1, leaf.cert) + record(name, 3, 1, 1, other.cert), false},
	} {
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{test.server}})
		zone := snapshot(t, "example.com DNSSEC signed\nmail.example.com A 192.0.2.1\n"+test.records)
		t.Run(test.name, func(t *testing.T) { dane(t, test.name, zone, server, true, test.want) })
	}

	// Below an issuer, the name of the alias counts as well as the one it stands
	// for, and the latter is asked for.
	zone := snapshot(t, "example.com DNSSEC signed\nmail.example.com CNAME real.example.com\nreal.example.com A 192.0.2.1\n"+record("_25._tcp.real.example.com", 2, 1, 1, ca.cert))
	for dnsID, want := range map[string]bool{"mail.example.com": true, "real.example.com": true, "other.example.com": false} {
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, template(dnsID, today)).certificate(ca)}})
		dane(t, dnsID, zone, server, true, want)
		if got := server.saw(0).state.ServerName; got != "real.example.com" {
			t.Errorf("server name %q was sent", got)
		}
	}
}

// FuzzTLSA compares what records of any kind accept with what they say.
func FuzzTLSA(f *testing.F) {
	ca := newCA(f)
	leaf := ca.sign(f, template("mail.example.com", today))
	chain := []*x509.Certificate{leaf.cert, ca.cert}
	f.Add(uint8(3), uint8(1), uint8(1), []byte{}, uint8(0))
	f.Add(uint8(2), uint8(0), uint8(0), leaf.cert.Raw, uint8(3))
	f.Add(uint8(2), uint8(1), uint8(0), []byte{0x30, 0x80}, uint8(0))
	f.Add(uint8(3), uint8(0), uint8(2), make([]byte, 64), uint8(1))
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte, instead uint8) {
		// Fuzzing will not guess a digest: sometimes it is the right one.
		switch instead {
		case 1:
			data = association(leaf.cert, selector, matching)
		case 2:
			data = association(ca.cert, selector, matching)
		}
		records := usable([]dns.TLSA{{Usage: usage, Selector: selector, MatchingType: matching, Data: data}})
		is := func(cert *x509.Certificate) bool {
			return selector <= 1 && matching <= 2 && bytes.Equal(data, association(cert, selector, matching))
		}
		want := usage == 3 && is(leaf.cert) || usage == 2 && is(ca.cert)
		if len(records) == 0 {
			if want {
				t.Errorf("%d %d %d %x is not usable", usage, selector, matching, data)
			}
			return
		}
		if err := verifyDANE(chain, records, []string{"mail.example.com"}); (err == nil) != want {
			t.Errorf("%d %d %d %x: %v", usage, selector, matching, data, err)
		}
	})
}
