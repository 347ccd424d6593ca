package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"mxgate/policy/mail"
)

// Verdict says what becomes of a new connection. The zero Verdict is Stranger.
type Verdict uint8

// The verdicts of admission.
const (
	Stranger Verdict = iota // greeted with 554; only QUIT is answered
	Admitted                // a session
	Drop                    // closed without a word
)

// Admission is what is known of a client by its address alone.
type Admission struct {
	Source        string // name of the [[source]], set if Verdict is Admitted
	Verdict       Verdict
	RatePerMinute int // connections of the source; 0: as many as it likes
}

// Config is what a Listener needs to know. Zero fields take the default named
// with them; times are those of SMTP-DUTIES M1.
type Config struct {
	Hostname string // our name in banner and replies; required

	// Admit judges a client by its address, IPv4 unmapped. It is called in the
	// accept loop and must not block. Required.
	Admit func(netip.Addr) Admission
	// OnStranger is told once of each connection that was not admitted, with
	// the name given in EHLO or HELO if there was one. It must not block.
	OnStranger func(addr netip.Addr, helo string)
	// NearMiss names the source that a stranger may be at an address that is not
	// known yet; "" if it is none. sure is false where that could not be found
	// out: the stranger hears 421 then, a 554 might bounce mail of a source. ctx
	// ends after 2 s; at most 16 calls run at once, and of strangers beyond them
	// nothing is sure. nil: nobody is asked, and none is one.
	NearMiss func(ctx context.Context, addr netip.Addr) (source string, sure bool)
	// OnNearMiss is told, in place of OnStranger, of each connection that
	// NearMiss spoke for: the source, and the name and the reverse-path the
	// client gave, "" if none. It must not block.
	OnNearMiss func(addr netip.Addr, source, helo, reversePath string)

	// Offer is asked at each EHLO and HELO what the session is offered. It must
	// not block. nil: 8BITMIME, and our own limits.
	Offer func() Offer
	// MayXclient reports whether clients of a source may say with XCLIENT and
	// XFORWARD who handed the mail in. nil: nobody may.
	MayXclient func(source string) bool

	// OnProxyFault is told of each connection to a Socket with Balancers that was
	// closed because its peer is none of them (ErrNoBalancer) or sent no valid
	// PROXY header in time. It must not block.
	OnProxyFault func(peer netip.Addr, err error)

	// OnMailRefused is told of each MAIL that is refused here: no transaction begins,
	// and nobody else would hear of the message. It must not block.
	OnMailRefused func(MailRefused)

	// OnPanic is called for each panic that was contained here: of any callback, before
	// a session and in one. What session contains it counts itself. nil: nobody counts.
	OnPanic func()

	TLSConfig *tls.Config // for STARTTLS, with Certificates or GetCertificate; nil: not offered
	// ClientCAs vouch for the certificates that clients show; nil: none is asked
	// for. One that they do not vouch for, or none, costs a client nothing but its
	// name: sources that need none show one of any CA.
	ClientCAs  *x509.CertPool
	RequireTLS bool // MAIL in clear is refused with 530

	MaxMessageOctets  int64 // announced with SIZE; 50 MiB
	MaxRecipients     int   // of one transaction, at least 100; 100
	MaxConns          int   // admitted connections at once; 1000
	MaxConnsPerSource int   // of them from one source; 200
	MaxStrangers      int   // strangers listened to at once, a quarter of them from one network; 100
	MaxErrors         int   // without a finished transaction; 20
	MaxCommands       int   // without a finished transaction; 100

	SpoolDir          string // for content that does not fit in memory; the system's temporary directory
	MemoryOctets      int64  // of one content held in memory; 8 MiB
	MemoryOctetsTotal int64  // of all contents together, beyond the first 64 KiB of each; 32 MiB

	CommandTimeout   time.Duration // waiting for one command line; 300 s
	ContentTimeout   time.Duration // waiting for the next octets of content; 180 s
	RateGrace        time.Duration // over which the minimum rate of content is averaged; 60 s
	MinOctetsPerSec  int64         // minimum rate of content; 500
	SessionTimeout   time.Duration // of a session, ended between transactions; 3600 s
	HandshakeTimeout time.Duration // of TLS; 30 s
	WriteTimeout     time.Duration // of one write; 60 s
	StrangerTimeout  time.Duration // of a stranger's connection; 10 s
	ProxyTimeout     time.Duration // of the header of the PROXY protocol; 5 s

	Log *slog.Logger // nil: nothing is logged
}

// orDefault gives v, or def where v is not set.
func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// complete checks c and fills in the defaults.
func (c *Config) complete() error {
	if _, err := mail.ParseDomain(c.Hostname); err != nil {
		return fmt.Errorf("wire: hostname %q: %w", c.Hostname, err)
	}
	if c.Admit == nil {
		return errors.New("wire: no admission rule")
	}
	orDefault(&c.MaxMessageOctets, 50<<20)
	orDefault(&c.MaxRecipients, 100)
	c.MaxRecipients = max(c.MaxRecipients, 100) // RFC 5321, Section 4.5.3.1.8
	orDefault(&c.MaxConns, 1000)
	orDefault(&c.MaxConnsPerSource, 200)
	orDefault(&c.MaxStrangers, 100)
	orDefault(&c.MaxErrors, 20)
	orDefault(&c.MaxCommands, 100)
	orDefault(&c.MemoryOctets, 8<<20)
	orDefault(&c.MemoryOctetsTotal, 32<<20)
	orDefault(&c.CommandTimeout, 300*time.Second)
	orDefault(&c.ContentTimeout, 180*time.Second)
	orDefault(&c.RateGrace, 60*time.Second)
	orDefault(&c.MinOctetsPerSec, 500)
	orDefault(&c.SessionTimeout, 3600*time.Second)
	orDefault(&c.HandshakeTimeout, 30*time.Second)
	orDefault(&c.WriteTimeout, 60*time.Second)
	orDefault(&c.StrangerTimeout, 10*time.Second)
	orDefault(&c.ProxyTimeout, 5*time.Second)
	if c.SpoolDir == "" {
		c.SpoolDir = os.TempDir()
	}
	if c.OnStranger == nil {
		c.OnStranger = func(netip.Addr, string) {}
	}
	if c.OnNearMiss == nil {
		c.OnNearMiss = func(netip.Addr, string, string, string) {}
	}
	if c.OnProxyFault == nil {
		c.OnProxyFault = func(netip.Addr, error) {}
	}
	if c.OnMailRefused == nil {
		c.OnMailRefused = func(MailRefused) {}
	}
	if c.OnPanic == nil {
		c.OnPanic = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.TLSConfig != nil {
		if len(c.TLSConfig.Certificates) == 0 && c.TLSConfig.GetCertificate == nil {
			return errors.New("wire: TLS without a certificate") // STARTTLS would be offered in vain
		}
		c.TLSConfig = c.TLSConfig.Clone()
		c.TLSConfig.MinVersion = max(c.TLSConfig.MinVersion, tls.VersionTLS12)
		// Microsoft's client offers tickets in a way that Go's server answers
		// with an error (golang/go #70232), and a ticket must not be good on
		// another listener.
		c.TLSConfig.SessionTicketsDisabled = true
		if c.ClientCAs != nil {
			// Not VerifyClientCertIfGiven: a certificate of another CA would
			// end the handshake.
			c.TLSConfig.ClientAuth = tls.RequestClientCert
		}
	}
	return nil
}
