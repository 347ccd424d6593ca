package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"time"
)

// upgrade answers STARTTLS and hands the connection over to a new Conn, so that
// buffers and state are new by construction: nothing said in clear survives,
// RFC 3207, Section 4.2. This Conn then reads EOF.
func (c *Conn) upgrade(arg string) {
	switch {
	case !c.endsGroup(): // or a command put in before TLS would run inside it
		return
	case c.l.cfg.TLSConfig == nil || c.tls != nil:
		c.say(notOffered)
		return
	case arg != "":
		c.say(badArgument)
		return
	}
	c.out = startTLS.appendTo(c.out)
	if c.flush() != nil {
		return
	}
	next, err := c.handshake()
	if err != nil {
		c.l.stats.tlsFailed.Add(1)
		c.l.cfg.Log.Debug("TLS handshake failed", slog.Uint64("conn", c.id),
			slog.String("client_ip", c.addr.String()), slog.String("err", err.Error()))
		c.finish("error") // nothing is said: the stream is neither clear nor TLS
		return
	}
	c.l.stats.tlsHandshakes.Add(1)
	c.finish("starttls")
	if !c.handOver(c, next) {
		next.cancel() // closed meanwhile
	}
}

func (c *Conn) handshake() (*Conn, error) {
	ctx, cancel := context.WithTimeout(c.l.ctx, c.l.cfg.HandshakeTimeout)
	defer cancel()
	// The context closes the socket when it ends; the deadline of the last
	// command must not do so earlier.
	if err := c.sock.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	sock := tls.Server(c.sock, c.l.cfg.TLSConfig)
	if err := sock.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	next := newConn(c.link, sock)
	state := sock.ConnectionState()
	next.tls = &state
	next.vouched = vouched(state.PeerCertificates, c.l.cfg.ClientCAs)
	return next, nil
}

// vouched returns the DNS names of the certificate that a client has shown, if one
// of cas vouches for it; nil else. The handshake has proven that the client has its
// key.
func vouched(shown []*x509.Certificate, cas *x509.CertPool) []string {
	if cas == nil || len(shown) == 0 {
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	// Public CAs no longer issue certificates for clients: mail servers show the
	// one that they have as servers.
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: cas, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return nil
	}
	return shown[0].DNSNames
}
