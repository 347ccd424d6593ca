// Package provider knows who may stand between the Internet and the gateway:
// a catalogue of e-mail security providers, embedded as data, and the sources an
// operator configured, matched by address.
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
	// Host globs for the `by` host of a Received field: at Ingress the provider
	// took the message from outside, at Inner it handed it on inside. Only the
	// patterns that are host globs and nothing else are kept: a pattern with
	// a condition in prose ("... with (PPS)") would match too much without it.
	Ingress []string `toml:"ingress_by"`
	Inner   []string `toml:"inner_by"`
	// IngressChained says that the client of an ingress hop may be in the
	// provider's own ranges: another tenant of it.
	IngressChained bool        `toml:"ingress_chained"`
	Ranges         []Statement `toml:"cidrs"`
	RangesMethod   string      `toml:"ranges_method"`

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
	Markers              []Marker `toml:"header_markers"`
	Notes                string   `toml:"notes"`
	research
}

// research holds what the catalogue keeps for people and for later checks. It
// is decoded so that a misspelt key in the data is an error, and not exported
// because nothing may be decided on it.
type research struct {
	RangesEndpoint      string   `toml:"ranges_endpoint"`
	RangesSelect        string   `toml:"ranges_select"`
	EgressHostPrefix    string   `toml:"egress_host_prefix"`
	EgressHostInfix     string   `toml:"egress_host_infix"`
	MXExample           string   `toml:"mx_example"`
	MXBasis             string   `toml:"mx_basis"`
	MXUnverified        []string `toml:"mx_suffixes_unverified"`
	SPFIncludes         []string `toml:"spf_includes"`
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

// isProse reports whether a pattern of the catalogue is more, or less, than
// a host glob: lower-case host characters and "*", with at least two whole
// labels behind the last "*", so that a glob cannot reach outside a domain.
func isProse(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '*') {
			return true
		}
	}
	fixed := pattern
	if star := strings.LastIndexByte(pattern, '*'); star >= 0 {
		dot := strings.IndexByte(pattern[star:], '.')
		if dot < 0 {
			return true
		}
		fixed = pattern[star+dot+1:]
	}
	return !strings.Contains(fixed, ".")
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
