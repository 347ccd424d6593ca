package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mxgate/gateway/config/strict"
	"mxgate/policy/provider"
)

// BindHeader is a field with a secret that a rule at the provider adds.
type BindHeader struct {
	Field       string `toml:"field"`
	SecretsFile string `toml:"secrets_file"`
}

// bindings builds what tells our tenant from the provider's other customers. Of
// secrets nothing is ever shown, not even in what is wrong with one.
func (s Source) bindings(k *strict.Problems, key string, hasCA bool) []provider.Binding {
	var all []provider.Binding
	if s.BindCertificate != nil {
		if !hasCA {
			k.Add(key+".bind_certificate", "", "expected tls.client_ca_file as well: without it no client is asked for a certificate, and all mail of this source is held")
		}
		all = append(all, provider.Binding{Kind: provider.BindCertificate, Names: s.BindCertificate})
	}
	if s.BindTenant != nil {
		all = append(all, provider.Binding{Kind: provider.BindTenant, Names: s.BindTenant})
	}
	if s.BindListener != nil {
		b := provider.Binding{Kind: provider.BindListener}
		for i, text := range s.BindListener {
			at, err := parseEnd(text)
			if err != nil {
				k.Add(fmt.Sprintf("%s.bind_listener[%d]", key, i), quote(text), `expected an address of ours, a port, or both: "192.0.2.9", ":2525" or "192.0.2.9:25"`)
			}
			b.Listeners = append(b.Listeners, at)
		}
		all = append(all, b)
	}
	if s.BindHeader != (BindHeader{}) {
		b := provider.Binding{Kind: provider.BindHeader, Field: s.BindHeader.Field}
		b.Secrets = s.BindHeader.secrets(k, key+".bind_header.secrets_file")
		all = append(all, b)
	}
	return all
}

// parseEnd reads an end of a connection on our side; the zero Addr is any.
func parseEnd(text string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(text, ":"); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		return netip.AddrPortFrom(netip.Addr{}, uint16(n)), err
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(addr, 0), nil
	}
	return netip.ParseAddrPort(text)
}

// secrets reads them, one on a line; lines that begin with "#" are for people.
func (h BindHeader) secrets(k *strict.Problems, key string) []provider.Secret {
	if !filepath.IsAbs(h.SecretsFile) { // it may be the secret itself
		k.Add(key, "", "expected an absolute path of a file with the secret that the provider's rule writes into the field, such as \"/etc/mxgate/gate-secret\"")
		return nil
	}
	text, err := os.ReadFile(h.SecretsFile)
	if err != nil {
		k.Add(key, quote(h.SecretsFile), "cannot be read (%v): expected a file with the secret, that the user running mxgate may read", rootCause(err))
		return nil
	}
	var secrets []provider.Secret
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		secret, err := provider.NewSecret(line)
		if err != nil {
			k.Add(key, quote(h.SecretsFile), "line %d of it is no secret: %s; `openssl rand -hex 20` makes one", number, expectation(err))
			return nil
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		k.Add(key, quote(h.SecretsFile), "holds no secret: expected it on a line of its own; `openssl rand -hex 20` makes one")
	}
	return secrets
}

// warnOfBindings warns of sources as which others can deliver, and of proofs that
// can never be given.
func (c *Config) warnOfBindings(k *strict.Problems) {
	for i, s := range c.Sources {
		key := fmt.Sprintf("source[%d]", i)
		src, _ := c.SourceSet.Named(s.Name)
		if advice := BindAdvice(src); advice != "" {
			at := key + ".provider"
			if len(s.BindCertificate) > 0 {
				at = key + ".bind_certificate"
			}
			k.Add(at, "", "%s", advice)
		}
		if onlySecret(src) {
			k.Add(key+".bind_header", "", "is all that tells our tenant from others, and reports return the field: %s; demand a second proof beside it, such as bind_listener or bind_certificate", secretsReturn)
		}
		for j, text := range s.BindListener {
			if at, err := parseEnd(text); err == nil && !c.mayListenAt(at) {
				k.Add(fmt.Sprintf("%s.bind_listener[%d]", key, j), quote(text), "no [[listener]] is there: who is told of it cannot connect")
			}
		}
		if file := s.BindHeader.SecretsFile; file != "" {
			if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o007 != 0 {
				k.Add(key+".bind_header.secrets_file", quote(file), "can be read by everybody on this machine: take that away (chmod o= %s)", file)
			}
		}
		if entry, known := provider.Lookup(s.Provider); s.Tenant != "" && (!known || !slices.ContainsFunc(entry.TenantDiscriminators, isFieldName)) {
			k.Add(key+".tenant", quote(s.Tenant), "is never read: it is not known in which field this provider names the tenant; bind_header tells it apart")
		}
	}
}

// secretsReturn is what bind_header alone cannot help. The provider adds the field
// before we refuse a recipient, and returns the header to whoever wrote.
const secretsReturn = "its secret comes back to any stranger in the provider's report about an address that does not exist"

// BindAdvice says why other customers of the provider of s can deliver as s, and what
// to do about it; "" if they cannot, as far as is known.
func BindAdvice(s provider.Source) string {
	why := s.Loose()
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%s: bind source %q to the tenant, by two keys if one is bind_header, since %s", why, s.Name, secretsReturn)
}

// onlySecret reports whether whoever has read the secret of s can deliver as s: what
// else s demands, if anything, all customers of its provider have.
func onlySecret(s provider.Source) bool {
	demanded := len(s.Bind)
	s.Bind = slices.DeleteFunc(slices.Clone(s.Bind), func(b provider.Binding) bool { return b.Kind == provider.BindHeader })
	if len(s.Bind) == demanded {
		return false
	}
	entry, _ := provider.Lookup(s.Provider)
	return len(s.Bind) == 0 && !entry.RangesDedicated || s.Loose() != ""
}

// isFieldName tells names of fields from what the catalogue says in words.
func isFieldName(text string) bool { return text != "" && !strings.ContainsAny(text, " /") }

// mayListenAt reports whether a client could come to at. Where others listen for
// us, we do not know.
func (c *Config) mayListenAt(at netip.AddrPort) bool {
	return slices.ContainsFunc(c.Sockets, func(s Socket) bool {
		is, err := parseListen(s.Address)
		return err != nil || s.Balancers != nil ||
			(at.Port() == 0 || at.Port() == is.Port()) && (!at.Addr().IsValid() || is.Addr().IsUnspecified() || at.Addr() == is.Addr())
	})
}
