package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"mxgate/cmd/lookalikebench/internal/hijack"
	"mxgate/cmd/lookalikebench/internal/world"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// ownDomain is ours. The shared mail came to a mailbox at spamassassin.taint.org,
// but whoever made it anonymous put that name in the place of foreign lists and
// people too, so that it can be nobody's own.
const ownDomain = "mailbox.example"

var victim = hijack.Person{Name: "Owner", Local: "owner", Domain: ownDomain}

// mailbox judges mail as the gateway does, with a memory of its own. Only our
// own domain is protected: whom a hijacker imitates it has to learn.
type mailbox struct {
	dir    string
	store  *memory.Store
	policy policy.Collector
}

func openMailbox(groups [][]mail.Domain) (*mailbox, error) {
	dir, err := os.MkdirTemp("", "lookalikebench-")
	if err != nil {
		return nil, err
	}
	own := []mail.Domain{ownDomain}
	failed := func(err error) { fmt.Fprintln(os.Stderr, "lookalikebench: memory:", err) }
	store, err := memory.Open(memory.Config{Dir: dir, Own: own, Groups: groups, OnError: failed})
	if err != nil {
		return nil, cmp.Or(os.RemoveAll(dir), err)
	}
	return &mailbox{dir: dir, store: store, policy: policy.Collector{Resolver: world.Resolver{}, Own: own, Protected: own, Memory: store, Groups: groups,
		Lookalike: lookalike.NewIndex([]lookalike.Target{{Domain: ownDomain, Tier: lookalike.Own}})}}, nil
}

// close forgets everything.
func (m *mailbox) close() error { return cmp.Or(m.store.Close(), os.RemoveAll(m.dir)) }

// judge says what becomes of a message that comes from its author's server.
func (m *mailbox) judge(ctx context.Context, raw []byte, author, recipient string, at time.Time) (policy.Evidence, policy.Verdict, error) {
	tx, err := world.Transaction(raw, author, recipient, at)
	if err != nil {
		return policy.Evidence{}, policy.Verdict{}, err
	}
	e, err := m.policy.Collect(ctx, tx, provider.Source{Name: "bench", Origin: provider.OriginPeer}, policy.Given{})
	if err != nil {
		return policy.Evidence{}, policy.Verdict{}, err
	}
	return *e, policy.Decide(&policy.Rules{}, e), nil
}

// take judges a message and learns from it what the gateway would.
func (m *mailbox) take(ctx context.Context, raw []byte, author, recipient string, at time.Time) (policy.Evidence, policy.Verdict, error) {
	e, v, err := m.judge(ctx, raw, author, recipient, at)
	if err != nil {
		return e, v, err
	}
	if o, ok := policy.Observe(&e, v); ok {
		m.store.Learn(o)
		err = m.store.Flush(ctx)
	}
	return e, v, err
}

// ham is the shared ham in the order in which it arrived.
func (b *bench) ham() (files []hamFile, err error) {
	rows, err := b.dir.Table("mail/ham/index.tsv")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		raw, err := b.dir.Bytes("mail/ham/" + row[0])
		if err != nil {
			return nil, err
		}
		m, err := hijack.Read(row[0], row[3], raw)
		files = append(files, hamFile{m, raw, authorOf(raw), err == nil})
	}
	slices.SortStableFunc(files, func(a, b hamFile) int { return a.At.Compare(b.At) })
	return files, nil
}

// hamFile is one message of the shared ham.
type hamFile struct {
	hijack.Mail
	raw    []byte
	author string // as its server would say
	usable bool   // for a theft
}

// authorOf reads the author as the gateway does; where it finds none, nobody.
func authorOf(raw []byte) string {
	m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
	if err == nil {
		if a := mail.ParseAuthor(m); a.Ambiguous == "" {
			return a.Address.String()
		}
	}
	return "nobody@unknown.example"
}
