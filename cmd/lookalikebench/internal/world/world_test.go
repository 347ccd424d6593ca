package world

import (
	"errors"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/provider"
)

func TestMailOfAnyDomainIsAligned(t *testing.T) {
	raw := []byte("From: A <a@sub.look-alike.example>\r\nSubject: x\r\n\r\nx\r\n")
	tx, err := Transaction(raw, "a@sub.look-alike.example", "me@own.example", time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	c := policy.Collector{Resolver: Resolver{}, Lookalike: lookalike.NewIndex(nil)}
	e, err := c.Collect(t.Context(), tx, provider.Source{Name: "bench", Origin: provider.OriginPeer}, policy.Given{})
	if err != nil || !e.Aligned() {
		t.Errorf("%+v %v", e.DMARC, err)
	}
}

func TestNothingElseIsPublished(t *testing.T) {
	if _, err := (Resolver{}).TXT(t.Context(), "s._domainkey.a.example"); !errors.Is(err, dns.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, bad := range [][2]string{{"a", "b@c.example"}, {"a@b.example", ""}} {
		if _, err := Transaction([]byte("\r\n"), bad[0], bad[1], time.Time{}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
