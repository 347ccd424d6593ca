package ranges

import (
	"context"
	"net/netip"
	"testing"

	"mxgate/policy/dns"
)

// proper fails for a list that is not what List says.
func proper(t *testing.T, l List, err error) {
	t.Helper()
	if err != nil {
		if l.Ranges != nil {
			t.Errorf("%v with the error %v", l.Ranges, err)
		}
		return
	}
	if len(l.Ranges) == 0 || len(Subtract(l.Ranges, l.Ranges)) != 0 {
		t.Errorf("ranges %v", l.Ranges)
	}
	for i, p := range l.Ranges {
		if p != p.Masked() || p.Addr().Is4In6() || i > 0 && !l.Ranges[i-1].Addr().Less(p.Addr()) {
			t.Errorf("range %s behind %v", p, l.Ranges[:i])
		}
	}
}

// one answers every TXT question with the same record.
type one struct {
	*dns.Snapshot
	record string
}

func (o one) TXT(context.Context, string) (dns.Answer[string], error) {
	return dns.Answer[string]{Records: []string{o.record}}, nil
}

func FuzzSPF(f *testing.F) {
	for _, record := range []string{"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a:b.example.com/24//64 mx -all", "v=spf1 include:a.example.com redirect=b.example.com", "v=spf1 exists:%{i}.x ?all ip4:::1"} {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record string) {
		zone := dns.MustSnapshot(t, "out.example.com A 192.0.2.7\nout.example.com AAAA 2001:db8::7")
		l, err := SPF(t.Context(), one{zone, record}, "out.example.com")
		proper(t, l, err)
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(microsoft))
	f.Add([]byte("192.0.2.0/24 # a\n2001:db8::/32\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Document(text)
		proper(t, l, err)
	})
}

func FuzzReadState(f *testing.F) {
	s := NewState()
	s.Propose("a", List{Ranges: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil, noon)
	f.Add(s.Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadState(text)
		if err != nil {
			return
		}
		if again, err := ReadState(s.Text()); err != nil || string(again.Text()) != string(s.Text()) {
			t.Errorf("%s\nis read back with %v", s.Text(), err)
		}
	})
}

func FuzzSubtract(f *testing.F) {
	f.Add("192.0.2.0/24", "192.0.2.64/26", "192.0.2.100")
	f.Add("::/0", "2001:db8::/32", "2001:db8::1")
	f.Fuzz(func(t *testing.T, a, b, addr string) {
		p, err := netip.ParsePrefix(a)
		q, err2 := netip.ParsePrefix(b)
		x, err3 := netip.ParseAddr(addr)
		if err != nil || err2 != nil || err3 != nil || x.Zone() != "" {
			return
		}
		p, q = p.Masked(), q.Masked()
		in := false
		for _, r := range Subtract([]netip.Prefix{p}, []netip.Prefix{q}) {
			in = in || r.Contains(x)
		}
		if want := p.Contains(x) && !q.Contains(x); in != want {
			t.Errorf("%s without %s holds %s: %v", p, q, x, in)
		}
	})
}

func FuzzParsePlace(f *testing.F) {
	f.Add("spf:_spf.example.com")
	f.Add("https://example.com/?a=<random-guid>")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePlace(text)
		if err != nil {
			return
		}
		if again, err := ParsePlace(p.String()); err != nil || again != p {
			t.Errorf("%q: %v is read back as %v, %v", text, p, again, err)
		}
	})
}
