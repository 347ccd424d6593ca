package ranges

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a State.
const (
	MaxStateOctets = 32 << 20
	maxSources     = 1000
	stateSchema    = 1
)

// What makes a list doubtful. A range wider than these is a slip, or an attack,
// whoever publishes it (TRACE.md, Section 9); and a list that grows or shrinks by
// more than maxFactor beyond the slack most likely is one.
const (
	minBits4  = 11
	minBits6  = 29
	maxFactor = 2
	slack4    = 1 << 12 // addresses
	slack6    = 1 << 96 // a /32: what one provider is given
)

// Errors of State.
var (
	ErrBadState  = errors.New("ranges: state cannot be read")
	ErrNoPending = errors.New("ranges: nothing to accept")
	ErrOther     = errors.New("ranges: not the list that was shown")
	ErrDoubtful  = errors.New("ranges: doubtful list")
)

// Version is one list as it was fetched.
type Version struct {
	Ranges   []netip.Prefix `json:"ranges"`
	From     []string       `json:"from"`
	Unread   []string       `json:"unread,omitempty"`
	Fetched  time.Time      `json:"fetched"`
	Accepted time.Time      `json:"accepted,omitzero"`
	By       string         `json:"by,omitempty"` // who accepted it
}

// digestDigits are the hexadecimal digits of a Digest.
const digestDigits = 32

// Digest names the ranges of v in 32 hexadecimal digits, so that nobody accepts
// another list than the one he saw. Fewer digits would let whoever publishes the
// list make a harmless one and a harmful one of the same name.
func (v *Version) Digest() string {
	h := sha256.New()
	for _, p := range v.Ranges {
		fmt.Fprintln(h, p)
	}
	return hex.EncodeToString(h.Sum(nil)[:digestDigits/2])
}

// Record is what is kept for one source. Accepted is the last good list, Before
// the one it replaced, Pending one that nobody has accepted; each may be nil.
type Record struct {
	Accepted *Version `json:"accepted,omitempty"`
	Before   *Version `json:"before,omitempty"`
	Pending  *Version `json:"pending,omitempty"`
}

// State is what was fetched and accepted, by the name of the source. It is not
// safe for concurrent use.
type State struct {
	Schema  int               `json:"schema"`
	Sources map[string]Record `json:"sources"`
}

// NewState returns a State in which nothing is known.
func NewState() *State { return &State{Schema: stateSchema, Sources: map[string]Record{}} }

// ReadState reads what Text wrote. A range that is none, a list that is empty, a
// key it does not know and a later schema are ErrBadState: what admits senders is
// not guessed.
func ReadState(text []byte) (*State, error) {
	bad := func(format string, args ...any) (*State, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrBadState}, args...)...)
	}
	if len(text) > MaxStateOctets {
		return bad("over %d octets", MaxStateOctets)
	}
	s := NewState()
	s.Schema = 0
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return bad("%w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return bad("more than one JSON value")
	}
	if s.Schema != stateSchema || len(s.Sources) > maxSources {
		return bad("schema %d with %d sources: expected schema %d and at most %d", s.Schema, len(s.Sources), stateSchema, maxSources)
	}
	if s.Sources == nil {
		s.Sources = map[string]Record{}
	}
	for name, r := range s.Sources {
		for _, v := range []*Version{r.Accepted, r.Before, r.Pending} {
			if v == nil {
				continue
			}
			if len(v.Ranges) == 0 || len(v.Ranges) > maxRanges {
				return bad("source %.80q: a list of %d ranges", name, len(v.Ranges))
			}
			for _, p := range v.Ranges {
				if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
					return bad("source %.80q: %s is no range", name, p)
				}
			}
		}
	}
	return s, nil
}

// Text returns s as ReadState reads it, in an order that does not change.
func (s *State) Text() []byte {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		panic(err) // times before the year 0 or after 9999 only
	}
	return append(text, '\n')
}

// Propose keeps l for a person to accept, and reports whether it differs from
// what was good so far, the Base of written. An empty list is ErrNothing, one that
// is too long ErrBounds, and what was pending stays.
func (s *State) Propose(source string, l List, written []netip.Prefix, now time.Time) (differs bool, err error) {
	if len(l.Ranges) == 0 {
		return false, fmt.Errorf("%w: an empty list for source %q", ErrNothing, source)
	}
	if len(l.Ranges) > maxRanges { // of several documents; ReadState would refuse all
		return false, fmt.Errorf("%w: over %d ranges for source %q", ErrBounds, maxRanges, source)
	}
	r, base := s.Sources[source], s.Base(source, written)
	from := make([]string, len(l.From))
	for i, p := range l.From {
		from[i] = p.String()
	}
	r.Pending = &Version{Ranges: Join(l.Ranges), From: from, Unread: l.Unread, Fetched: now.UTC()}
	if slices.Equal(Join(base), r.Pending.Ranges) {
		r.Pending = nil
	}
	s.Sources[source] = r
	return r.Pending != nil, nil
}

// Accept makes the pending list of source the good one. digest must be that of
// the list. One of which there are Doubts, against the Base of written, needs force.
//
// Errors: ErrNoPending, ErrOther, ErrDoubtful; then nothing has changed.
func (s *State) Accept(source, digest, by string, written []netip.Prefix, now time.Time, force bool) error {
	r := s.Sources[source]
	if len(digest) != digestDigits {
		return fmt.Errorf("%w: for source %q: a digest of %d digits: expected all %d as refresh shows them", ErrOther, source, len(digest), digestDigits)
	}
	if r.Pending == nil && r.Accepted != nil && r.Accepted.Digest() == digest {
		return fmt.Errorf("%w for source %q: this list was accepted on %s by %s", ErrNoPending, source, r.Accepted.Accepted.Format(time.RFC3339), r.Accepted.By)
	}
	if r.Pending == nil {
		return fmt.Errorf("%w for source %q: refresh first", ErrNoPending, source)
	}
	if r.Pending.Digest() != digest { // which it is stays untold: it would be accepted unseen
		return fmt.Errorf("%w: for source %q the list to accept was fetched at %s and has another digest: refresh, and look at it", ErrOther, source, r.Pending.Fetched.Format(time.RFC3339))
	}
	if doubts := Doubts(s.Base(source, written), r.Pending.Ranges); len(doubts) > 0 && !force {
		return fmt.Errorf("%w for source %q: %s", ErrDoubtful, source, strings.Join(doubts, "; "))
	}
	r.Before, r.Accepted, r.Pending = r.Accepted, r.Pending, nil
	r.Accepted.Accepted, r.Accepted.By = now.UTC(), by
	s.Sources[source] = r
	return nil
}

// Base is what a new list of source is compared with: the accepted one, or else
// the ranges that the operator wrote.
func (s *State) Base(source string, written []netip.Prefix) []netip.Prefix {
	if r := s.Sources[source]; r.Accepted != nil {
		return r.Accepted.Ranges
	}
	return written
}

// special are networks from which no provider delivers over the Internet: who gets
// one onto a list opens the gateway to our own machines, or to anybody's behind a
// tunnel (6to4, Teredo). RFC 6890.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("::/8"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// Doubts tells why a list that follows base should not be accepted unseen: a
// range too wide or not public, or far more or fewer addresses than before.
func Doubts(base, list []netip.Prefix) []string {
	var doubts []string
	for _, p := range list {
		if slices.ContainsFunc(special, p.Overlaps) {
			doubts = append(doubts, fmt.Sprintf("%s is not, or not all, public", p))
		}
		if least := map[bool]int{true: minBits4, false: minBits6}[p.Addr().Is4()]; p.Bits() < least {
			doubts = append(doubts, fmt.Sprintf("%s is wider than /%d", p, least))
		}
	}
	base, list = Join(base), Join(list)
	for _, family := range []struct {
		name  string
		four  bool
		slack float64
	}{{"IPv4", true, slack4}, {"IPv6", false, slack6}} {
		before, after := size(base, family.four), size(list, family.four)
		switch {
		case after > maxFactor*before+family.slack:
			doubts = append(doubts, fmt.Sprintf("%s grows from %s to %s", family.name, amount(before, family.four), amount(after, family.four)))
		case before > maxFactor*after+family.slack:
			doubts = append(doubts, fmt.Sprintf("%s shrinks from %s to %s", family.name, amount(before, family.four), amount(after, family.four)))
		}
	}
	return doubts
}

// amount says how many addresses n are; of IPv6, where nobody counts single ones,
// how many networks of /64.
func amount(n float64, four bool) string {
	unit := " addresses"
	if !four && n >= 1<<64 {
		n, unit = n/(1<<64), " networks of /64"
	}
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + unit
}
