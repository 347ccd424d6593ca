package ranges

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"mxgate/policy/mail"
)

// ErrBadPlace is wrapped by what ParsePlace says.
var ErrBadPlace = errors.New("ranges: not a place where ranges are published")

// maxPlaceOctets bounds the text of a place.
const maxPlaceOctets = 2000

// Kind says how a place is read.
type Kind string

// The kinds of places.
const (
	KindSPF   Kind = "spf"   // the SPF record of a name, with its includes
	KindHosts Kind = "hosts" // the addresses of a host name
	KindURL   Kind = "url"   // a document
	KindFile  Kind = "file"  // a document on this machine
)

// Place is where ranges are published. The zero Place is none.
type Place struct {
	Kind Kind
	Name string // a domain, an https URL, or an absolute path
}

// ParsePlace reads "spf:_spf.example.com", "hosts:out.example.com",
// "https://example.com/ranges.json" or "/etc/mxgate/ranges.txt".
//
// Only https is taken: who can change the document on its way decides who may
// deliver to us.
func ParsePlace(text string) (Place, error) {
	bad := func(expected string) (Place, error) {
		return Place{}, fmt.Errorf("%w: %.80q: expected %s", ErrBadPlace, text, expected)
	}
	const forms = "spf:DOMAIN, hosts:DOMAIN, an https:// URL or an absolute path"
	if len(text) > maxPlaceOctets || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return bad(forms)
	}
	kind, name, ok := strings.Cut(text, ":")
	switch {
	case strings.HasPrefix(text, "/"):
		return Place{KindFile, text}, nil
	case ok && (kind == string(KindSPF) || kind == string(KindHosts)):
		domain, err := mail.ParseDomain(name)
		if err != nil || !strings.Contains(string(domain), ".") {
			return bad("a domain behind " + kind + ": such as " + kind + ":_spf.example.com")
		}
		return Place{Kind(kind), string(domain)}, nil
	case ok && kind == "https":
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil {
			return bad("a URL such as https://example.com/ranges.json")
		}
		return Place{KindURL, text}, nil
	}
	return bad(forms)
}

// String returns p as ParsePlace reads it.
func (p Place) String() string {
	if p.Kind == KindSPF || p.Kind == KindHosts {
		return string(p.Kind) + ":" + p.Name
	}
	return p.Name
}
