package syntax

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mxgate/policy/mail"
)

// The attributes we read; of those that say nothing about the origin the syntax
// is all that counts. Postfix, XCLIENT_README and XFORWARD_README.
const (
	XclientNames  = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
	XforwardNames = "NAME ADDR PORT PROTO HELO IDENT SOURCE"
)

// maxAttributeOctets bounds the decoded value of an attribute. SMTP-DUTIES X1.
const maxAttributeOctets = 255

// Origin is the host that handed the mail in, as the client tells it. It never
// replaces the client: who may connect was decided by the address it has.
type Origin struct {
	Addr netip.Addr // the zero Addr: not known
	Helo string     // "": not known
}

// Read takes the attributes of arg, which must be some of allowed: XclientNames
// or XforwardNames. If it reports false, what o holds is of no use.
func (o *Origin) Read(arg, allowed string) bool {
	names := strings.Fields(allowed)
	known := len(names)
	for attribute := range strings.FieldsFuncSeq(arg, isBlank) {
		name, encoded, _ := strings.Cut(attribute, "=")
		name = strings.ToUpper(name)
		i := slices.Index(names, name)
		value, err := mail.DecodeXtext(encoded, 3*maxAttributeOctets)
		if i < 0 || err != nil || value == "" || len(value) > maxAttributeOctets || !o.set(name, value) {
			return false
		}
		names = slices.Delete(names, i, i+1) // none may come twice
	}
	return len(names) < known
}

// set takes one attribute.
func (o *Origin) set(name, value string) bool {
	if strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]") {
		value = ""
	}
	switch name {
	case "ADDR":
		addr, ok := parseOriginAddr(value)
		o.Addr = addr
		return ok
	case "DESTADDR":
		_, ok := parseOriginAddr(value)
		return ok
	case "PORT", "DESTPORT":
		_, err := strconv.ParseUint(value, 10, 16)
		return value == "" || err == nil
	case "HELO":
		// What the origin said is not the client's fault: a name that is none
		// is not known to us.
		if o.Helo = ""; ValidHelo(value) {
			o.Helo = value
		}
	}
	return true
}

// parseOriginAddr reads an IPv4 address, or "IPV6:" and an IPv6 address; ""
// gives the zero Addr.
func parseOriginAddr(value string) (netip.Addr, bool) {
	if value == "" {
		return netip.Addr{}, true
	}
	const prefix = "IPV6:"
	want6 := len(value) > len(prefix) && strings.EqualFold(value[:len(prefix)], prefix)
	if want6 {
		value = value[len(prefix):]
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Is4() == want6 || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
