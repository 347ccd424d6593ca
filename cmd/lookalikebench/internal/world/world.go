// Package world is where the mail of the benchmark comes from: one address that
// every domain authorises to send for it, as owners of a domain do, also those
// of a look-alike. Nothing is asked of any network.
package world

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Sender is the only address that mail comes from.
var Sender = netip.MustParseAddr("192.0.2.1")

// Resolver answers for every domain: SPF passes for Sender, and DMARC asks to
// reject what is not aligned.
type Resolver struct{}

// TXT answers with SPF and DMARC records.
func (Resolver) TXT(_ context.Context, name string) (dns.Answer[string], error) {
	switch {
	case strings.HasPrefix(name, "_dmarc."):
		return dns.Answer[string]{Records: []string{"v=DMARC1; p=reject"}}, nil
	case strings.Contains(name, "_"):
		return dns.Answer[string]{}, missing("TXT", name)
	}
	return dns.Answer[string]{Records: []string{"v=spf1 ip4:" + Sender.String() + " -all"}}, nil
}

// A answers that every name is Sender's.
func (Resolver) A(context.Context, string) (dns.Answer[netip.Addr], error) {
	return dns.Answer[netip.Addr]{Records: []netip.Addr{Sender}}, nil
}

// AAAA finds nothing.
func (Resolver) AAAA(_ context.Context, name string) (dns.Answer[netip.Addr], error) {
	return dns.Answer[netip.Addr]{}, missing("AAAA", name)
}

// MX answers with the name itself.
func (Resolver) MX(_ context.Context, name string) (dns.Answer[dns.MX], error) {
	return dns.Answer[dns.MX]{Records: []dns.MX{{Preference: 10, Host: name}}}, nil
}

// PTR finds nothing.
func (Resolver) PTR(_ context.Context, addr netip.Addr) (dns.Answer[string], error) {
	return dns.Answer[string]{}, missing("PTR", addr.String())
}

func missing(kind, name string) error {
	return &dns.Error{Type: kind, Name: name, Class: dns.ErrNoData}
}

// Transaction is the arrival of a message from its author's own server: the
// reverse-path is that of the author, so that SPF is aligned, as a signature
// would make it today.
func Transaction(raw []byte, author, recipient string, at time.Time) (*mail.Transaction, error) {
	m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseMailbox(author)
	if err != nil {
		return nil, fmt.Errorf("author %q: %w", author, err)
	}
	to, err := mail.ParseMailbox(recipient)
	if err != nil {
		return nil, fmt.Errorf("recipient %q: %w", recipient, err)
	}
	tx := &mail.Transaction{Message: m, ReceivedAt: at, Client: mail.Client{Addr: Sender, Helo: string(from.Domain), Extended: true}}
	tx.Envelope.ReversePath = from
	tx.Envelope.AddRecipient(to, mail.RecipientDSN{})
	return tx, nil
}
