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
	signed  map[string]bool // by zone
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
//	_25._tcp.mail.example.com  TLSA  3 1 1 0123abcd
//	slow.example.com  TXT   SERVFAIL             or TIMEOUT, or BOGUS
//	example.com       DNSSEC signed              or unsigned; with all names below
//
// "#" starts a comment at the start of a line.
func ParseSnapshot(zone string) (*Snapshot, error) {
	s := &Snapshot{records: map[string]map[string][]string{}, exists: map[string]bool{}, signed: map[string]bool{}}
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
		if strings.EqualFold(typ, "DNSSEC") {
			s.signed[canonical(name)] = data == "signed"
			continue
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

// Signed reports whether the zone of name is signed: its answers are Authentic.
func (s *Snapshot) Signed(name string) bool {
	for n := canonical(name); n != ""; {
		if signed, ok := s.signed[n]; ok {
			return signed
		}
		_, n, _ = strings.Cut(n, ".")
	}
	return false
}

// ask follows CNAME and returns the data at the end; they are authentic when
// the whole way there is signed.
func (s *Snapshot) ask(ctx context.Context, name, typ string) (Answer[string], error) {
	fail := func(class, cause error) (Answer[string], error) {
		return Answer[string]{}, &Error{Type: typ, Name: name, Class: class, Cause: cause}
	}
	if err := CheckName(name); err != nil {
		return fail(ErrPermanent, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(ErrTemporary, err)
	}
	at, authentic := name, true
	for range 9 {
		data, exists := s.Raw(at, typ)
		authentic = authentic && s.Signed(at)
		if len(data) > 0 {
			if cause := trouble(data[0]); cause != nil {
				return fail(ErrTemporary, cause)
			}
			return Answer[string]{Records: data, Authentic: authentic}, nil
		}
		alias, _ := s.Raw(at, "CNAME")
		switch {
		case len(alias) > 0:
			at = alias[0]
		case exists:
			return fail(ErrNoData, nil)
		default:
			return fail(ErrNoSuchName, nil)
		}
	}
	return fail(ErrTemporary, errors.New("CNAME loop"))
}

// trouble is what data in place of a record stand for; nil: they are a record.
func trouble(data string) error {
	switch data {
	case "SERVFAIL":
		return errors.New("SERVFAIL")
	case "TIMEOUT":
		return context.DeadlineExceeded
	case "BOGUS":
		return ErrBogus
	}
	return nil
}

// answer asks and reads each record with read.
func answer[T any](ctx context.Context, s *Snapshot, name, typ string, read func(string) (T, error)) (Answer[T], error) {
	text, err := s.ask(ctx, name, typ)
	if err != nil {
		return Answer[T]{}, err
	}
	a := Answer[T]{Authentic: text.Authentic}
	for _, data := range text.Records {
		record, err := read(data)
		if err != nil {
			return Answer[T]{}, &Error{Type: typ, Name: name, Class: ErrTemporary, Cause: err}
		}
		a.Records = append(a.Records, record)
	}
	return a, nil
}

// TXT implements Resolver.
func (s *Snapshot) TXT(ctx context.Context, name string) (Answer[string], error) {
	return s.ask(ctx, name, "TXT")
}

// A implements Resolver.
func (s *Snapshot) A(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return answer(ctx, s, name, "A", netip.ParseAddr)
}

// AAAA implements Resolver.
func (s *Snapshot) AAAA(ctx context.Context, name string) (Answer[netip.Addr], error) {
	return answer(ctx, s, name, "AAAA", netip.ParseAddr)
}

// MX implements Resolver.
func (s *Snapshot) MX(ctx context.Context, name string) (Answer[MX], error) {
	return answer(ctx, s, name, "MX", func(data string) (mx MX, err error) {
		_, err = fmt.Sscanf(data, "%d %s", &mx.Preference, &mx.Host)
		mx.Host = canonical(mx.Host)
		return mx, err
	})
}

// TLSA implements TLSAResolver.
func (s *Snapshot) TLSA(ctx context.Context, name string) (Answer[TLSA], error) {
	return answer(ctx, s, name, "TLSA", parseTLSA)
}

// CNAME implements TLSAResolver.
func (s *Snapshot) CNAME(ctx context.Context, name string) (Answer[string], error) {
	return answer(ctx, s, name, "CNAME", func(data string) (string, error) { return canonical(data), nil })
}

// PTR implements Resolver.
func (s *Snapshot) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	return answer(ctx, s, ReverseName(addr), "PTR", func(data string) (string, error) { return canonical(data), nil })
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
