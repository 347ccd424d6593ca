package relay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"mxgate/policy/dns"
)

// handshakeTimeout bounds a TLS handshake, whatever the next hop sends.
const handshakeTimeout = 30 * time.Second

// TLSMode says how much a next hop has to prove. The zero value is TLSNone.
type TLSMode uint8

// The modes, weakest first.
const (
	// TLSNone: always clear text.
	TLSNone TLSMode = iota
	// TLSOpportunistic: TLS where the next hop offers it, with any certificate.
	// Where the handshake fails, one new connection goes without TLS: who can
	// break the handshake could have removed the offer as well. RFC 7435.
	TLSOpportunistic
	// TLSRequired: always TLS, with any certificate.
	TLSRequired
	// TLSVerified: always TLS, with a certificate that a CA issued for the name
	// of the host, or with a pinned key.
	TLSVerified
	// TLSDane: RFC 7672. What the TLSA records say; TLSRequired where none of
	// them is usable; TLSOpportunistic where DNSSEC shows that there are none.
	TLSDane
	// TLSDaneOnly: RFC 7672, and no mail where there is no usable TLSA record.
	TLSDaneOnly
)

var modeNames = [...]string{"none", "opportunistic", "required", "verified", "dane", "dane-only"}

// String returns the word of the configuration: "dane-only".
func (m TLSMode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("TLSMode(%d)", uint8(m))
}

// ParseTLSMode is the reverse of String.
func ParseTLSMode(s string) (TLSMode, error) {
	for m, name := range modeNames {
		if s == name {
			return TLSMode(m), nil
		}
	}
	return 0, fmt.Errorf("relay: TLS mode %q: want one of %s", s, strings.Join(modeNames[:], ", "))
}

// TLSPolicy is how a route uses TLS. The zero value is clear text.
type TLSPolicy struct {
	Mode TLSMode
	// ServerName is the name in the certificate, a DNS name in A-labels or an
	// IP address; "" means the host. DANE takes the names of RFC 7672 instead.
	ServerName string
	// Roots are the CAs of TLSVerified; nil: those of the system.
	Roots *x509.CertPool
	// Pins are SHA-256 digests of the SubjectPublicKeyInfo of the server, as
	// of RFC 7858, Appendix A. With TLSVerified one of them must match the key of
	// the server itself, and no CA, name or date counts any more.
	Pins [][sha256.Size]byte
	// Certificate is shown to a next hop that asks for one; nil: none.
	Certificate *tls.Certificate
}

// TLSState is what is known about the security of one connection.
type TLSState struct {
	Version  uint16 // tls.VersionTLS13; 0: the connection is in clear text, see Fallback
	Cipher   string // "TLS_AES_128_GCM_SHA256"
	Verified bool   // the server is the one we wanted: what REQUIRETLS demands (RFC 8689, Section 4.2.1)
	How      string // what proved it: "ca", "pin" or "dane"; "" if nothing did
	// Fallback says why TLSOpportunistic is without TLS though TLS was offered.
	Fallback string
}

// tlsPlan is what one host has to prove, known before we connect to it.
type tlsPlan struct {
	mode    TLSMode // TLSDane and TLSDaneOnly with usable records only
	policy  TLSPolicy
	name    string     // of the server: in the hello, and in its certificate
	names   []string   // that a certificate under a DANE-TA record may have
	records []dns.TLSA // usable
	clear   *TLSState  // of a connection without TLS: why it has none; nil: by policy, or not offered
}

// secure says what host ("mail.example.com:25", "unix:/path") has to prove. It
// asks DNS with the DANE modes only. Errors are a *Failure: of class TLS, or
// Resolve where DNS could not tell for now.
func (c Config) secure(ctx context.Context, host string, policy TLSPolicy) (tlsPlan, error) {
	name, port := "", ""
	if !strings.HasPrefix(host, "unix:") {
		var err error
		if name, port, err = net.SplitHostPort(host); err != nil {
			return tlsPlan{}, tlsFailure(err)
		}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	p := tlsPlan{mode: policy.Mode, policy: policy, name: cmp.Or(policy.ServerName, name)}
	switch policy.Mode {
	case TLSDane, TLSDaneOnly:
		return c.dane(ctx, p, name, port)
	case TLSVerified:
		if p.name == "" && len(policy.Pins) == 0 {
			return tlsPlan{}, tlsFailure(fmt.Errorf("%q has no name that a certificate could bear", host))
		}
	}
	return p, nil
}

// wants says whether STARTTLS is to be sent to a next hop that offered it, or did
// not. The error is a *Failure of class TLS: there must be no mail without TLS.
func (p tlsPlan) wants(offered bool) (start bool, err error) {
	switch {
	case p.mode == TLSNone || p.mode == TLSOpportunistic && !offered:
		return false, nil
	case !offered:
		return false, tlsFailure(errNotOffered)
	}
	return true, nil
}

// withoutTLS returns the plan for a second try in clear text, after STARTTLS was
// refused or the handshake failed. Only TLSOpportunistic has one.
func (p tlsPlan) withoutTLS(why error) (plan tlsPlan, ok bool) {
	if p.mode != TLSOpportunistic {
		return tlsPlan{}, false
	}
	return tlsPlan{clear: &TLSState{Fallback: why.Error()}}, true
}

// handshake upgrades nc, on which the next hop has just said 220 to STARTTLS.
// Nothing may have been read beyond that reply. It takes at most 30 s, and its
// deadline stays on nc. Errors are a *Failure of class TLS; nc is closed then.
func (p tlsPlan) handshake(ctx context.Context, nc net.Conn) (net.Conn, *TLSState, error) {
	state := &TLSState{}
	conn := tls.Client(&records{Conn: nc}, p.config(state))
	nc.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := conn.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, nil, tlsFailure(fmt.Errorf("handshake with %q: %w", p.name, err))
	}
	established := conn.ConnectionState()
	state.Version, state.Cipher = established.Version, tls.CipherSuiteName(established.CipherSuite)
	return conn, state, nil
}

// records gives crypto/tls one record at a time: what comes behind it stays in the
// socket, where peek sees it, and be it a part of a record. RFC 8446, Section 5.1.
type records struct {
	net.Conn
	header [5]byte
	got    int // octets of the header
	left   int // octets of the record
}

func (r *records) Read(p []byte) (int, error) {
	if r.left > 0 {
		n, err := r.Conn.Read(p[:min(len(p), r.left)])
		r.left -= n
		return n, err
	}
	n, err := r.Conn.Read(p[:min(len(p), len(r.header)-r.got)])
	r.got += copy(r.header[r.got:], p[:n])
	if r.got == len(r.header) {
		r.got, r.left = 0, int(r.header[3])<<8|int(r.header[4])
	}
	return n, err
}

// config is for one handshake, and notes in state what the certificate proved.
func (p tlsPlan) config(state *TLSState) *tls.Config {
	config := &tls.Config{
		// A flight leaves in one record and one write: nothing waits for its start.
		DynamicRecordSizingDisabled: true,
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  p.name,
		// The library knows CAs only: verify looks at every certificate
		// instead. No session is resumed, so that none escapes it, or brings
		// the trust of one route to another.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			how, err := p.verify(cs.PeerCertificates)
			if err == nil {
				state.Verified, state.How = true, how
			}
			if p.mode == TLSOpportunistic || p.mode == TLSRequired {
				return nil
			}
			return err
		},
	}
	if p.policy.Certificate != nil {
		// Whatever CAs the next hop names: it may know ours by its key.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return p.policy.Certificate, nil
		}
	}
	return config
}

// verify says how the chain proves that the server is the one we want. The first
// certificate is that of the server, who has shown to hold its key.
func (p tlsPlan) verify(chain []*x509.Certificate) (how string, err error) {
	switch {
	case len(chain) == 0:
		return "", errors.New("no certificate")
	case len(p.records) > 0:
		return "dane", verifyDANE(chain, p.records, p.names)
	case p.mode == TLSVerified && len(p.policy.Pins) > 0:
		// Of the server only: anyone may add the certificate of another.
		if slices.Contains(p.policy.Pins, sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)) {
			return "pin", nil
		}
		return "", fmt.Errorf("key of the server is not pinned: its pin would be sha256:%x", sha256.Sum256(chain[0].RawSubjectPublicKeyInfo))
	}
	return "ca", verifyChain(chain, p.policy.Roots, p.name)
}

// verifyChain checks dates, signatures and purpose from a CA of roots (nil: of
// the system) down, and that the certificate is for one of names: RFC 9525,
// Section 6. Common names do not count.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool, names ...string) error {
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return err
	}
	for _, name := range names {
		if chain[0].VerifyHostname(name) == nil {
			return nil
		}
	}
	return fmt.Errorf("certificate is not for %q", names) // and for whom it is, its author chose
}

var errNotOffered = errors.New("STARTTLS is not offered")

func tlsFailure(err error) *Failure { return &Failure{Class: TLS, Err: err} }
