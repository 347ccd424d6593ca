package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Snapshot is a Resolver that answers from zone text: tests and the demo use it.
// A name that has other records, or names below it, exists: RFC 8020.
type Snapshot struct {
	records map[string]map[string][]string // name, then type, then data
	exists  map[string]bool
}

// MustSnapshot is ParseSnapshot for tests; t is a *testing.T or *testing.B.
func MustSnapshot(t interface {
	Helper()
	Fatalf(string, ...any)
}, zone string) *Snapshot {
	t.Helper()
	s, err := ParseSnapshot(zone)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// ParseSnapshot reads one record on each line:
//
//	example.com       TXT   "v=spf1 -all"        quoted strings are joined
//	mail.example.com  A     192.0.2.1
//	example.com       MX    10 mail.example.com  "0 ." is a null MX
//	1.2.0.192.in-addr.arpa  PTR  mail.example.com
//	www.example.com   CNAME example.com
//	slow.example.com  TXT   SERVFAIL             or TIMEOUT
//
// "#" starts a comment at the start of a line.
func ParseSnapshot(zone string) (*Snapshot, error) {
	s := &Snapshot{records: map[string]map[string][]string{}, exists: map[string]bool{}}
	n := 0
	for line := range strings.Lines(zone) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		typ, data, ok := strings.Cut(strings.TrimSpace(rest), " ")
		data = strings.TrimSpace(data)
		if !ok || data == "" {
			return nil, fmt.Errorf("dns: snapshot line %d: %q: want NAME TYPE DATA", n, line)
		}
		if typ == "TXT" && data[0] == '"' {
			joined, err := joinStrings(data)
			if err != nil {
				return nil, fmt.Errorf("dns: snapshot line %d: %w", n, err)
			}
			data = joined
		}
		s.Add(name, strings.ToUpper(typ), data)
	}
	return s, nil
}

// joinStrings reads one or more quoted strings and joins them.
func joinStrings(data string) (string, error) {
	var b strings.Builder
	for data != "" {
		quoted, err := strconv.QuotedPrefix(data)
		if err != nil {
			return "", fmt.Errorf("TXT data %q: want quoted strings", data)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return "", fmt.Errorf("TXT data %q: %w", data, err)
		}
		b.WriteString(text)
		data = strings.TrimSpace(data[len(quoted):])
	}
	return b.String(), nil
}

// Add adds one record. It must not be called while questions are asked.
func (s *Snapshot) Add(name, typ, data string) {
	name = canonical(name)
	if s.records[name] == nil {
		s.records[name] = map[string][]string{}
	}
	s.records[name][typ] = append(s.records[name][typ], data)
	for n := name; n != ""; {
		s.exists[n] = true
		_, n, _ = strings.Cut(n, ".")
	}
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Raw returns the data of all records of that type at name as written in the
// zone text, without following CNAME, and whether the name exists.
func (s *Snapshot) Raw(name, typ string) (data []string, exists bool) {
	name = canonical(name)
	return s.records[name][typ], s.exists[name]
}

// ask follows CNAME and returns the data at the end.
func (s *Snapshot) ask(ctx context.Context, name, typ string) ([]string, error) {
	fail := func(class, cause error) error { return &Error{Type: typ, Name: name, Class: class, Cause: cause} }
	if err := ctx.Err(); err != nil {
		return nil, fail(ErrTemporary, err)
	}
	at := name
	for range 9 {
		data, exists := s.Raw(at, typ)
		switch {
		case len(data) > 0 && data[0] == "SERVFAIL":
			return nil, fail(ErrTemporary, errors.New("SERVFAIL"))
		case len(data) > 0 && data[0] == "TIMEOUT":
			return nil, fail(ErrTemporary, context.DeadlineExceeded)
		case len(data) > 0:
			return data, nil
		}
		alias, _ := s.Raw(at, "CNAME")
		switch {
		case len(alias) > 0:
			at = alias[0]
		case exists:
			return nil, fail(ErrNoData, nil)
		default:
			return nil, fail(ErrNoSuchName, nil)
		}
	}
	return nil, fail(ErrTemporary, errors.New("CNAME loop"))
}

// TXT implements Resolver.
func (s *Snapshot) TXT(ctx context.Context, name string) (Answer[string], error) {
	data, err := s.ask(ctx, name, "TXT")
	return Answer[string]{Records: data}, err
}

// A implements Resolver.
func (s *Snapshot) A(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return s.addrs(ctx, name, "A")
}

// AAAA implements Resolver.
func (s *Snapshot) AAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return s.addrs(ctx, name, "AAAA")
}

func (s *Snapshot) addrs(ctx context.Context, name, typ string) (a Answer[netip.Addr], err error) {
	data, err := s.ask(ctx, name, typ)
	if err != nil {
		return a, err
	}
	for _, d := range data {
		ip, err := netip.ParseAddr(d)
		if err != nil {
			return Answer[netip.Addr]{}, &Error{Type: typ, Name: name, Class: ErrTemporary, Cause: err}
		}
		a.Records = append(a.Records, ip)
	}
	return a, nil
}

// MX implements Resolver.
func (s *Snapshot) MX(ctx context.Context, name string) (a Answer[MX], err error) {
	data, err := s.ask(ctx, name, "MX")
	if err != nil {
		return a, err
	}
	for _, d := range data {
		var mx MX
		if _, err := fmt.Sscanf(d, "%d %s", &mx.Preference, &mx.Host); err != nil {
			return Answer[MX]{}, &Error{Type: "MX", Name: name, Class: ErrTemporary, Cause: err}
		}
		mx.Host = canonical(mx.Host)
		a.Records = append(a.Records, mx)
	}
	return a, nil
}

// PTR implements Resolver.
func (s *Snapshot) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	data, err := s.ask(ctx, ReverseName(addr), "PTR")
	names := make([]string, len(data))
	for i, d := range data {
		names[i] = canonical(d)
	}
	return Answer[string]{Records: names}, err
}

// ReverseName returns the name that holds the PTR records of addr:
// RFC 1035, Section 3.5, and RFC 3596, Section 2.5.
func ReverseName(addr netip.Addr) string {
	addr = addr.Unmap()
	raw := addr.AsSlice()
	var b strings.Builder
	for i := len(raw) - 1; i >= 0; i-- {
		if addr.Is4() {
			fmt.Fprintf(&b, "%d.", raw[i])
		} else {
			fmt.Fprintf(&b, "%x.%x.", raw[i]&15, raw[i]>>4)
		}
	}
	if addr.Is4() {
		return b.String() + "in-addr.arpa"
	}
	return b.String() + "ip6.arpa"
}
