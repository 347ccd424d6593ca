package provider

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// checkBindings refuses bindings that could never be met, or that would be met by
// every customer of the provider.
func (s *Source) checkBindings() error {
	seen := map[BindingKind]bool{}
	for _, b := range s.Bind {
		if seen[b.Kind] {
			return s.bad("bind", fmt.Sprintf("%q twice", b.Kind), "each kind once, with all its values")
		}
		seen[b.Kind] = true
		var err error
		switch b.Kind {
		case BindCertificate:
			err = s.checkCertificate(b)
		case BindHeader:
			err = s.checkHeader(b)
		case BindTenant:
			err = s.checkTenant(b)
		case BindListener:
			err = s.checkListeners(b)
		default:
			err = s.bad("bind", fmt.Sprintf("%q", b.Kind), `"certificate", "header", "tenant" or "listener"`)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) checkCertificate(b Binding) error {
	for _, name := range b.Names {
		host := strings.TrimPrefix(name, "*.")
		if d, err := mail.ParseDomain(host); err != nil || string(d) != host || !strings.Contains(host, ".") {
			return s.bad("certificate", fmt.Sprintf("%.80q", name), "a DNS name in lower case, such as mx.example.com")
		}
	}
	if len(b.Names) == 0 {
		return s.bad("certificate", "empty", "a DNS name of the client's certificate")
	}
	return nil
}

func (s *Source) checkHeader(b Binding) error {
	odd := strings.ContainsFunc(b.Field, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
	// All fields of that name are taken out of every message.
	if odd || len(b.Field) > 60 || len(b.Field) < 3 || !strings.EqualFold(b.Field[:2], "x-") {
		return s.bad("header field", fmt.Sprintf("%.80q", b.Field), "a name of your own with X-, letters, digits and hyphens, such as X-Example-Gate")
	}
	if len(b.Secrets) == 0 || slices.Contains(b.Secrets, Secret{}) {
		return s.bad("header secret", "empty", "the secret that the provider's rule writes")
	}
	return nil
}

func (s *Source) checkTenant(b Binding) error {
	e, _ := Lookup(s.Provider)
	if s.Origin != OriginTrace {
		return s.bad("tenant", "set", `origin = "trace": without it no hop of the provider is looked for`)
	}
	if len(b.Names) == 0 {
		return s.bad("tenant", "empty", "our id in the provider's host names")
	}
	for _, name := range b.Names {
		if !strings.Contains(name, ".") {
			if len(e.TenantBy) == 0 {
				return s.bad("tenant", fmt.Sprintf("%.80q", name), "the end of a host name: it is not known where the hosts of this provider have an id; most have none, then a header is the way")
			}
			if !isID(name) {
				return s.bad("tenant", fmt.Sprintf("%.80q", name), "an id of lower-case letters, digits and hyphens, such as 00123456")
			}
			continue
		}
		if d, err := mail.ParseDomain(name); err != nil || string(d) != name {
			return s.bad("tenant", fmt.Sprintf("%.80q", name), "the end of a host name in lower case, such as hc123-45.iphmx.com")
		}
		for _, suffix := range slices.Concat(s.ReceivedBy, e.ReceivedBySuffixes, e.MXSuffixes, e.EgressSuffixes) {
			if within(suffix, name) {
				return s.bad("tenant", fmt.Sprintf("%q", name), "a name below "+suffix+": hosts of all customers have this one")
			}
		}
	}
	return nil
}

// isID reports whether text can stand for "<tenant>" in a glob.
func isID(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(text) >= 2 && len(text) <= 63
}

func (s *Source) checkListeners(b Binding) error {
	for _, l := range b.Listeners {
		if l.Port() == 0 && !l.Addr().IsValid() || l.Addr().IsValid() && (l.Addr().IsUnspecified() || l.Addr().Is4In6()) {
			return s.bad("listener", l.String(), "an address of ours, a port, or both")
		}
	}
	if len(b.Listeners) == 0 {
		return s.bad("listener", "empty", "an address of ours that only this source is told")
	}
	return nil
}
