// Package provider knows who may stand between the Internet and the gateway:
// a catalogue of e-mail security providers, embedded as data, and the sources an
// operator configured, matched by address and, because a provider's addresses are
// those of all its customers, bound to our tenant there (Source.Judge).
//
// The catalogue is evidence, not policy: its ranges are suggestions with a
// status and a date, and no address is admitted because the catalogue names it.
// Only what an operator wrote into a Source is matched. The package opens
// nothing, asks no DNS and reads no clock.
package provider

import (
	"bytes"
	_ "embed" // of providers.toml
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

//go:embed providers.toml
var catalogueText []byte

// Entry is what the catalogue states about one provider. Texts are as written
// there; what is unknown is empty.
type Entry struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
	Kind string `toml:"kind"` // "gateway", "mailbox", "appliance" or "inline-api"
	// Names of hosts, each as a suffix that matches on a label boundary.
	MXSuffixes         []string `toml:"mx_suffixes"`
	ReceivedBySuffixes []string `toml:"received_by_suffixes"`
	EgressSuffixes     []string `toml:"egress_suffixes"`
	// CertificateNames are more suffixes, of what the certificates of its
	// clients are for, whichever customer they deliver for.
	CertificateNames []string `toml:"certificate_names"`
	// Host globs for the `by` host of a Received field: at Ingress the provider
	// took the message from outside, at Inner it handed it on inside. Only the
	// patterns that received.Boundary reads are kept: one with a condition in
	// prose would match too much without it.
	Ingress []string `toml:"ingress_by"`
	Inner   []string `toml:"inner_by"`
	// IngressChained says that the client of an ingress hop may be in the
	// provider's own ranges: another tenant of it.
	IngressChained bool        `toml:"ingress_chained"`
	Ranges         []Statement `toml:"cidrs"`
	RangesMethod   string      `toml:"ranges_method"`
	// Where ranges are published: SPF names, host names, a URL that may hold
	// "<random-guid>". Published has them as places.
	SPFIncludes    []string `toml:"spf_includes"`
	RangesHosts    []string `toml:"ranges_hosts"`
	RangesEndpoint string   `toml:"ranges_endpoint"`
	// RangesDedicated says that the ranges are of one customer alone.
	RangesDedicated bool `toml:"ranges_dedicated"`

	OriginalIP           string   `toml:"original_ip"`
	OriginalIPHeaders    []string `toml:"original_ip_headers"`
	ConsistencyCheck     string   `toml:"consistency_check"`
	AuthservIDs          []string `toml:"authserv_ids"`
	AARAuthservIDs       []string `toml:"aar_authserv_ids"`
	ARCDomains           []string `toml:"arc_domains"`
	ARCSelectors         []string `toml:"arc_selectors"`
	ModifiesBody         string   `toml:"modifies_body"`
	TenantDiscriminators []string `toml:"tenant_discriminators"`
	TenantSecret         string   `toml:"tenant_secret"`
	// TenantBy are globs for the `by` host of an ingress hop with "<tenant>"
	// where it names the customer. A "*" stays within a label.
	TenantBy []string `toml:"tenant_by"`
	Markers  []Marker `toml:"header_markers"`
	Notes    string   `toml:"notes"`
	research
}

// research holds what the catalogue keeps for people and for later checks. It
// is decoded so that a misspelt key in the data is an error, and not exported
// because nothing may be decided on it.
type research struct {
	RangesSelect        string   `toml:"ranges_select"`
	EgressHostPrefix    string   `toml:"egress_host_prefix"`
	EgressHostInfix     string   `toml:"egress_host_infix"`
	MXExample           string   `toml:"mx_example"`
	MXBasis             string   `toml:"mx_basis"`
	MXUnverified        []string `toml:"mx_suffixes_unverified"`
	SPFIncludeTemplates []string `toml:"spf_include_templates"`
	ObservedIPs         []string `toml:"observed_ips"`
	DomainTXTHint       string   `toml:"domain_txt_hint"`
}

// Statement is a list of ranges with who said it and when.
type Statement struct {
	Status string         `toml:"status"` // "vendor-doc", "vendor-json", "vendor-mirror", "spf-snapshot" or "third-party"
	Source string         `toml:"source"`
	AsOf   string         `toml:"as_of"` // a date, a year, or "unknown"
	Region string         `toml:"region"`
	List   []netip.Prefix `toml:"list"`
}

// Marker is a header field that the provider writes. Every marker can be forged
// by whoever reaches us past the provider.
type Marker struct {
	Name          string   `toml:"name"`
	Direction     string   `toml:"direction"` // "in", "out" (sender's side) or "both"
	Spoofable     bool     `toml:"spoofable"`
	Prefix        bool     `toml:"prefix"` // Name is the start of several names
	Values        []string `toml:"values"`
	ValueContains string   `toml:"value_contains"`
	ValueShape    string   `toml:"value_shape"`
	Unverified    bool     `toml:"unverified"`
	Note          string   `toml:"note"`
}

// file is the layout of providers.toml.
type file struct {
	Meta struct {
		Schema            int      `toml:"schema"`
		AsOf              string   `toml:"as_of"`
		DefaultEnforce    []string `toml:"default_enforce"`
		SuggestOnly       []string `toml:"suggest_only"`
		CutoverGraceHours int      `toml:"cutover_grace_hours"`
		MXMatch           string   `toml:"mx_match"`
	} `toml:"meta"`
	Providers []Entry `toml:"provider"`
}

var catalogue = sync.OnceValues(func() (map[string]Entry, error) { return parse(catalogueText) })

// parse reads a catalogue. A key that Entry does not know, a repeated or
// missing id, and a range that is not one are errors.
func parse(text []byte) (map[string]Entry, error) {
	var f file
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f); err != nil {
		return nil, fmt.Errorf("provider: catalogue: %w", err)
	}
	if f.Meta.Schema != 1 {
		return nil, fmt.Errorf("provider: catalogue: schema is %d, expected 1", f.Meta.Schema)
	}
	byID := make(map[string]Entry, len(f.Providers))
	for _, e := range f.Providers {
		if e.ID == "" {
			return nil, fmt.Errorf("provider: catalogue: a provider without id (name %q)", e.Name)
		}
		if _, ok := byID[e.ID]; ok {
			return nil, fmt.Errorf("provider: catalogue: id %q occurs twice", e.ID)
		}
		for _, s := range e.Ranges {
			for _, p := range s.List {
				if p != p.Masked() || p.Addr().Is4In6() {
					return nil, fmt.Errorf("provider: catalogue: %s: range %s has host bits or is IPv4-mapped", e.ID, p)
				}
			}
		}
		e.Ingress = slices.DeleteFunc(e.Ingress, isProse)
		e.Inner = slices.DeleteFunc(e.Inner, isProse)
		byID[e.ID] = e
	}
	return byID, nil
}

// isProse reports whether a pattern of the catalogue is none that package received
// reads: a host glob, with at most one condition behind it, or a comment alone. A
// glob has lower-case host characters and "*", with at least two whole labels
// behind the last "*", so that it cannot reach outside a domain; only where no
// client is named it may be of an address.
func isProse(pattern string) bool {
	glob, condition, _ := strings.Cut(pattern, " ")
	what, value, _ := strings.Cut(condition, " ")
	switch {
	case strings.HasPrefix(pattern, "("):
		return len(pattern) < 4
	case condition == "without from" && strings.HasSuffix(glob, ":*"):
		_, err := netip.ParseAddr(strings.TrimSuffix(glob, "*") + ":")
		return err != nil
	case condition == "", condition == "without from", what == "id" && value != "", strings.HasPrefix(condition, "(") && strings.HasSuffix(condition, ")"):
	case what == "from" && value != "":
		for text := range strings.FieldsSeq(value) {
			if _, err := netip.ParsePrefix(text); err != nil {
				return true
			}
		}
	default:
		return true
	}
	return !isHostGlob(glob)
}

func isHostGlob(glob string) bool {
	for i := 0; i < len(glob); i++ {
		c := glob[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '*') {
			return false
		}
	}
	fixed := glob
	if star := strings.LastIndexByte(glob, '*'); star >= 0 {
		dot := strings.IndexByte(glob[star:], '.')
		if dot < 0 {
			return false
		}
		fixed = glob[star+dot+1:]
	}
	return strings.Contains(fixed, ".")
}

// entries returns the embedded catalogue. It cannot fail: a test parses it.
func entries() map[string]Entry {
	byID, err := catalogue()
	if err != nil {
		panic(err)
	}
	return byID
}

// Lookup returns the catalogue's entry with the given id. Its slices are shared
// and must not be changed.
func Lookup(id string) (Entry, bool) {
	e, ok := entries()[id]
	return e, ok
}

// IDs lists the ids of the catalogue, sorted.
func IDs() []string {
	ids := make([]string, 0, len(entries()))
	for id := range entries() {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
