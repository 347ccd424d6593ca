package resolve

import (
	"strings"

	"mxgate/policy/dns"
)

// presented is a name that dns.CheckName lets pass, as the library presents it:
// lower case, without the trailing dot, with a backslash before what the library
// puts one before. So what is asked and what is answered can be compared.
func presented(name string) string {
	name = canonical(name)
	if !strings.ContainsAny(name, special) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(special, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// special is what the library escapes, of what a name may hold beside dots.
const special = " '@;()"

// canonical is a name as the library presents it, lower case, without the
// trailing dot. Octets that are not printable are escaped: it is ASCII.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isHost reports whether name holds nothing but letters, digits, hyphen,
// underscore and dots: what may be shown as the name of a client.
func isHost(name string) bool {
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return dns.CheckName(name) == nil
}
