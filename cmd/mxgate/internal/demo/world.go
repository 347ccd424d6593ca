package demo

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/dns"
)

// What the zone says: heise.de and example.com publish everything one should; he1se.de
// and rnybank.example do too, for an attacker owns his look-alike and authenticates it.
const zoneText = `
heise.de                          TXT  "v=spf1 ip4:192.0.2.10 -all"
sel._domainkey.heise.de           TXT  "v=DKIM1; k=ed25519; p=KEY"
_dmarc.heise.de                   TXT  "v=DMARC1; p=none"
he1se.de                          TXT  "v=spf1 ip4:203.0.113.66 -all"
sel._domainkey.he1se.de           TXT  "v=DKIM1; k=ed25519; p=KEY"
_dmarc.he1se.de                   TXT  "v=DMARC1; p=reject"
rnybank.example                   TXT  "v=spf1 ip4:203.0.113.66 -all"
sel._domainkey.rnybank.example    TXT  "v=DKIM1; k=ed25519; p=KEY"
_dmarc.rnybank.example            TXT  "v=DMARC1; p=reject"
example.com                       TXT  "v=spf1 ip4:192.0.2.20 -all"
_dmarc.example.com                TXT  "v=DMARC1; p=none"
`

// configText is the whole configuration of the demo.
const configText = `hostname = "gate.example.com"
data_dir = %q
[[listener]]
address = "%s"
[[source]]
name        = "the-provider"
ranges      = ["127.0.0.1"]
received_by = ["provider.example"]
[[domain]]
name     = "example.com"
next_hop = "%s"
[protect]
domains = ["mybank.example"]
people  = [{ name = "Erika Mustermann", addresses = ["erika@example.com"] }]
[dns]
servers = ["%s"]
`

// world is everything around the gateway: the provider, the mail server, DNS.
type world struct {
	dir      string
	config   string // the file
	key      ed25519.PrivateKey
	resolver *dnstest.Server
	nextHop  *smtptest.Sink
	gateway  *gateway.Server
	address  string
	stop     context.CancelFunc
	served   chan error
}

func newWorld() (w *world, err error) {
	w = &world{stop: func() {}, served: make(chan error, 1)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "mxgate-demo-"); err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	w.key = private
	zone, err := dns.ParseSnapshot(strings.ReplaceAll(zoneText, "KEY", base64.StdEncoding.EncodeToString(public)))
	if err != nil {
		return nil, err
	}
	if w.resolver, err = dnstest.Serve("127.0.0.1:0", zone); err != nil {
		return nil, err
	}
	if w.nextHop, err = smtptest.Start("127.0.0.1:0", smtptest.Options{}); err != nil {
		return nil, err
	}
	return w, w.startGateway()
}

func (w *world) startGateway() error {
	w.config = filepath.Join(w.dir, "mxgate.toml")
	text := fmt.Sprintf(configText, filepath.Join(w.dir, "data"), "127.0.0.1:0", w.nextHop.Addr(), w.resolver.Addr())
	cfg, err := config.Parse(w.config, []byte(text))
	if err != nil {
		return err
	}
	if w.gateway, err = gateway.New(cfg, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	w.address = w.gateway.Addrs()[0].String()
	// The file is for the commands that -keep invites to: it names the real port.
	if err := os.WriteFile(w.config, []byte(strings.Replace(text, "127.0.0.1:0", w.address, 1)), 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.served <- w.gateway.Serve(ctx) }() // ends when close calls stop and reads served
	return nil
}

func (w *world) close() {
	w.stop()
	if w.address != "" {
		<-w.served
	}
	if w.nextHop != nil {
		w.nextHop.Close()
	}
	if w.resolver != nil {
		w.resolver.Close()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir) // a temporary directory; the system clears what stays
	}
}

// tell sends one story through the gateway and looks where it went.
func (w *world) tell(ctx context.Context, s story) (row, error) {
	content, err := s.content(w.key)
	if err != nil {
		return row{}, err
	}
	before := w.nextHop.Count()
	code, answer, err := w.send(ctx, s, content)
	if err != nil {
		return row{}, err
	}
	if s.stranger {
		return w.refused(ctx, s, code, answer)
	}
	entry, err := w.entry(ctx, s.messageID)
	if err != nil {
		return row{}, err
	}
	if err := w.gateway.Memory().Flush(ctx); err != nil { // the next story may rest on this one
		return row{}, err
	}
	r := rowOf(entry)
	r.title, r.path = s.title+".", throughProvider(s.origin, code)
	if delivered := w.nextHop.Count() > before; delivered != (entry.Outcome == store.Relayed) || !delivered && entry.Outcome != store.Quarantined {
		return row{}, fmt.Errorf("answered %d %s, and the journal says %s, but %d messages reached the next hop", code, answer, entry.Outcome, w.nextHop.Count()-before)
	}
	return r, nil
}

// refused waits for the trace that a stranger leaves: attempts to get around
// the provider are counted by address and hour, once the connection is over.
func (w *world) refused(ctx context.Context, s story, code int, answer string) (row, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		strangers, err := w.gateway.Store().Strangers(ctx, time.Now().Add(-24*time.Hour))
		if err != nil {
			return row{}, fmt.Errorf("answered %d %s, but the attempt is not recorded: %w", code, answer, err)
		}
		for _, recorded := range strangers {
			if recorded.Network.Contains(netip.MustParseAddr(s.client())) {
				why := fmt.Sprintf("The gateway said: %s. Recorded: %s.", strings.TrimSuffix(answer, "."), attempts(recorded))
				return row{title: s.title + ".", path: pastProvider(s.client(), code), became: "REFUSED", reason: string(policy.NotAdmitted), why: why}, nil
			}
		}
		select {
		case <-ctx.Done(): // the next question fails and says so
		case <-tick.C:
		}
	}
}

// entry finds the journal row of the message.
func (w *world) entry(ctx context.Context, messageID string) (store.Entry, error) {
	if err := w.gateway.Store().Flush(ctx); err != nil {
		return store.Entry{}, err
	}
	entries, err := w.gateway.Store().Entries(ctx, store.Filter{})
	if err != nil {
		return store.Entry{}, err
	}
	for _, e := range entries {
		if e.MessageID == messageID {
			return e, nil
		}
	}
	return store.Entry{}, errors.New("the journal does not know the message")
}

// send delivers one message by SMTP and returns the last answer.
func (w *world) send(ctx context.Context, s story, content []byte) (code int, text string, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.client())}}
	conn, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil && s.stranger {
		return 0, "", fmt.Errorf("%w (the demo needs the loopback address %s; on macOS: sudo ifconfig lo0 alias %s)", err, s.client(), s.client())
	}
	if err != nil {
		return 0, "", err
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.Hello("mx1.provider.example"); err != nil {
		if e, ok := errors.AsType[*smtp.SMTPError](err); ok && s.stranger {
			return e.Code, e.Message, nil
		}
		return 0, "", err
	}
	if err := c.Mail(s.reversePath, nil); err != nil {
		return 0, "", err
	}
	if err := c.Rcpt(s.to, nil); err != nil {
		return 0, "", err
	}
	data, err := c.Data()
	if err != nil {
		return 0, "", err
	}
	if _, err := data.Write(content); err != nil {
		return 0, "", err
	}
	answer, err := data.CloseWithResponse()
	if err != nil {
		return 0, "", err
	}
	return 250, answer.StatusText, c.Quit()
}

// sign adds a DKIM signature of domain, as its owner would.
func sign(content []byte, domain string, key crypto.Signer) ([]byte, error) {
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(content), &dkim.SignOptions{
		Domain: domain, Selector: "sel", Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: []string{"From", "To", "Subject", "Date", "Message-ID"},
	})
	return out.Bytes(), err
}

// summary counts what is where, from the places themselves.
func (w *world) summary(ctx context.Context, out io.Writer) error {
	held, err := w.gateway.Store().List(ctx, store.Filter{State: store.StateHeld})
	if err != nil {
		return err
	}
	known, err := w.gateway.Memory().Stats(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d messages reached the mail server, %d are in quarantine, nothing is lost.\n", w.nextHop.Count(), len(held))
	if err == nil {
		_, err = fmt.Fprintf(out, "What was delivered is remembered: %s in %s, and who\nwrote to whom.\n", count.Of(known.IDs, "message id"), count.Of(known.Threads, "conversation"))
	}
	return err
}

// received is the trace line the provider writes when a client hands it mail.
func received(helo, ip string, at time.Time) string {
	return fmt.Sprintf("Received: from %s (%s [%s])\r\n\tby mx1.provider.example (Postfix) with ESMTPS id 4AbCdE0XyZz1\r\n\tfor <bob@example.com>; %s\r\n", helo, helo, ip, at.Format(time.RFC1123Z))
}
