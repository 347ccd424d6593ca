package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// The limits of RFC 7208, Section 4.6.4, each at its last good value and one
// beyond.
func TestDuty_B2_SPF(t *testing.T) {
	const client, last = "192.0.2.7", " ip4:192.0.2.7 -all"
	each := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	zone := dns.MustSnapshot(t, "")
	for i := range 12 {
		zone.Add(fmt.Sprintf("i%d.limit.example", i), "TXT", "v=spf1 ip4:198.51.100.1")
		zone.Add(fmt.Sprintf("h%d.limit.example", i), "A", fmt.Sprintf("198.51.100.%d", i+1))
	}
	for n := range 12 { // names that lead to the client at the n-th place
		for i := range n {
			zone.Add(fmt.Sprintf("mx%d.limit.example", n), "MX", fmt.Sprintf("%d h%d.limit.example", i, i))
			zone.Add(fmt.Sprintf("%d.113.0.203.in-addr.arpa", n), "PTR", fmt.Sprintf("n%d.elsewhere.example", i))
			zone.Add(fmt.Sprintf("n%d.elsewhere.example", i), "A", fmt.Sprintf("203.0.113.%d", n))
		}
		zone.Add(fmt.Sprintf("%d.113.0.203.in-addr.arpa", n), "PTR", fmt.Sprintf("last%d.ptr%d.limit.example", n, n))
		zone.Add(fmt.Sprintf("last%d.ptr%d.limit.example", n, n), "A", fmt.Sprintf("203.0.113.%d", n))
		zone.Add(fmt.Sprintf("ptr%d.limit.example", n), "TXT", "v=spf1 ptr -all")
	}
	for _, c := range []struct {
		name, record string
		status       mail.Status
	}{
		{"10 includes", each(10, " include:i%d.limit.example") + last, mail.Pass},
		{"11 includes", each(11, " include:i%d.limit.example") + last, mail.PermError},
		{"10 a", each(10, " a:h%d.limit.example") + last, mail.Pass},
		{"11 a", each(11, " a:h%d.limit.example") + last, mail.PermError},
		{"11 of all kinds", each(8, " a:h%d.limit.example") + " mx:mx3.limit.example include:i0.limit.example ptr:x.example" + last, mail.PermError},
		{"a redirect counts", each(10, " a:h%d.limit.example") + " redirect=i0.limit.example", mail.PermError},
		{"what asks nothing does not count", each(40, " ip4:198.51.100.%d") + last, mail.Pass},
		{"2 void look-ups", each(2, " a:void%d.example") + last, mail.Pass},
		{"3 void look-ups", each(3, " a:void%d.example") + last, mail.PermError},
		{"an mx of 10 hosts", " mx:mx10.limit.example" + last, mail.Pass},
		{"an mx of 11 hosts", " mx:mx11.limit.example" + last, mail.PermError},
		{"a record of itself", " include:limit.example" + last, mail.PermError},
	} {
		counted := &counting{Snapshot: zone}
		over := overlay{counted, "v=spf1" + c.record}
		got := Check(t.Context(), over, netip.MustParseAddr(client), "h.example", address(t, "a@limit.example"))
		if got.Status != c.status || len(counted.asked) > 10+100 {
			t.Errorf("%s: %+v after %d questions", c.name, got, len(counted.asked))
		}
	}
	for n, want := range map[int]mail.Status{9: mail.Pass, 10: mail.Fail} { // the client's own name stands behind n others
		got := Check(t.Context(), zone, netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), "h.example", address(t, fmt.Sprintf("a@ptr%d.limit.example", n)))
		if got.Status != want {
			t.Errorf("behind %d names of the client: %+v", n, got)
		}
	}
}

// overlay answers with one record for limit.example.
type overlay struct {
	*counting
	record string
}

func (o overlay) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if name == "limit.example" {
		return dns.Answer[string]{Records: []string{o.record}}, nil
	}
	return o.counting.TXT(ctx, name)
}

// silent never answers.
type silent struct{ dns.Resolver }

func (silent) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	<-ctx.Done()
	return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary, Cause: ctx.Err()}
}

func TestDuty_B2_SPFTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got := Check(t.Context(), silent{}, netip.MustParseAddr("192.0.2.7"), "h.example", address(t, "a@example.com"))
		if took := time.Since(start); took != 20*time.Second || got.Status != mail.TempError {
			t.Errorf("after %v: %+v", took, got)
		}
	})
}

// One identity is checked, once: RFC 7208, Sections 2.3 and 2.4.
func TestDuty_B2_SPFOneIdentity(t *testing.T) {
	for path, want := range map[string]string{"a@example.com": "[TXT example.com]", "": "[TXT open.example]"} {
		zone := &counting{Snapshot: dns.MustSnapshot(t, zoneText)}
		from := mail.Address{}
		if path != "" {
			from = address(t, path)
		}
		Check(t.Context(), zone, netip.MustParseAddr("192.0.2.7"), "open.example", from)
		if got := fmt.Sprint(zone.asked); got != want {
			t.Errorf("%q: asked %s, want %s", path, got, want)
		}
	}
}
