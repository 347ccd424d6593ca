package relay

import (
	"net/netip"
	"slices"

	"mxgate/policy/mail"
)

const (
	// maxAttribute bounds one value of XFORWARD and XCLIENT, as sent. All six of
	// them then fit into a command line of 512 octets.
	maxAttribute = 255
	// unavailable is the value of what we do not know.
	unavailable = "[UNAVAILABLE]"
)

// introduction is what we know of the client of a message: the host that our
// peer named with XCLIENT, else the peer. Comparable, and never the zero value.
type introduction struct {
	addr  netip.Addr
	helo  string
	proto string // "SMTP", "ESMTP"; "": not known
}

func introduce(c mail.Client) introduction {
	if c.Origin.IsValid() {
		return introduction{addr: c.Origin.Unmap().WithZone(""), helo: c.OriginHelo}
	}
	proto := "SMTP"
	if c.Extended {
		proto = "ESMTP"
	}
	return introduction{addr: c.Addr.Unmap().WithZone(""), helo: c.Helo, proto: proto}
}

// forward is the XFORWARD command with those attributes that are offered; "" if
// none is.
func (i introduction) forward(offered []string) string {
	return i.command("XFORWARD", offered, [][2]string{
		{"NAME", ""}, {"ADDR", i.address()}, {"PORT", ""}, {"PROTO", i.proto}, {"HELO", i.helo}, {"SOURCE", "REMOTE"},
	})
}

// replace is the XCLIENT command likewise. Its PROTO has no way to say "unknown".
func (i introduction) replace(offered []string) string {
	attributes := [][2]string{{"NAME", ""}, {"ADDR", i.address()}, {"PORT", ""}, {"HELO", i.helo}}
	if i.proto != "" {
		attributes = append(attributes, [2]string{"PROTO", i.proto})
	}
	return i.command("XCLIENT", offered, attributes)
}

func (i introduction) command(verb string, offered []string, attributes [][2]string) string {
	command := verb
	for _, a := range attributes {
		if !slices.Contains(offered, a[0]) {
			continue
		}
		value := mail.EncodeXtext(a[1])
		if value == "" || len(value) > maxAttribute {
			value = unavailable
		}
		command += " " + a[0] + "=" + value
	}
	if command == verb {
		return ""
	}
	return command
}

// hello is the EHLO name of the client, or ours if it cannot be said.
func (i introduction) hello(ours string) string {
	if i.helo == "" || len(i.helo) > maxAttribute || mail.EncodeXtext(i.helo) != i.helo {
		return ours
	}
	return i.helo
}

// address is the ADDR attribute: "192.0.2.1", "IPV6:2001:db8::1", or "".
func (i introduction) address() string {
	switch {
	case !i.addr.IsValid():
		return ""
	case i.addr.Is4():
		return i.addr.String()
	}
	return "IPV6:" + i.addr.String()
}
