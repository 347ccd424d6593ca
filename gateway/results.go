package gateway

import (
	"strconv"
	"strings"

	"mxgate/policy"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
)

// authMethods states the evidence in the words of RFC 8601. SPF, DKIM and DMARC
// are named even when they could not be evaluated, ARC where there is a chain. A
// DMARC failure that was lifted stays one: policy.lifted names who is believed.
func authMethods(e *policy.Evidence, lifts []policy.Lift) []authres.Method {
	methods := append(make([]authres.Method, 0, len(e.DKIM)+4), spfMethod(e))
	for i := range e.DKIM {
		methods = append(methods, dkimMethod(&e.DKIM[i]))
	}
	if len(e.DKIM) == 0 {
		methods = append(methods, authres.Method{Name: "dkim", Status: mail.None, Reason: "message not signed"})
	}
	dmarc := authres.Method{Name: "dmarc", Status: orNone(e.DMARC.Result), Reason: reasonUnless(e.DMARC.Result, e.DMARC.Why)}
	dmarc.Properties = state(dmarc.Properties, "header", "from", string(e.Author.Domain))
	if e.DMARC.Result != mail.TempError { // then it is one that only may apply
		dmarc.Properties = state(dmarc.Properties, "policy", "dmarc", e.DMARC.Policy)
	}
	if len(lifts) > 0 && !e.Aligned() {
		dmarc.Properties = state(dmarc.Properties, "policy", "lifted", lifts[0].Name)
	}
	methods = append(methods, dmarc)
	if orNone(e.ARC.Result) != mail.None {
		methods = append(methods, arcMethod(e))
	}
	return methods
}

func spfMethod(e *policy.Evidence) authres.Method {
	m := authres.Method{Name: "spf", Status: orNone(e.SPF.Result), Reason: reasonUnless(e.SPF.Result, e.SPF.Why)}
	name := "mailfrom"
	if e.SPF.Identity == "helo" {
		name = "helo"
	}
	m.Properties = state(m.Properties, "smtp", name, e.SPF.Domain)
	return m
}

func dkimMethod(s *policy.DKIM) authres.Method {
	m := authres.Method{Name: "dkim", Status: orNone(s.Result), Reason: reasonUnless(s.Result, s.Why), Properties: make([]authres.Property, 0, 4)}
	for _, p := range [...]struct{ name, value string }{{"d", string(s.Domain)}, {"s", s.Selector}, {"a", s.Algorithm}, {"b", s.B}} {
		m.Properties = state(m.Properties, "header", p.name, p.value)
	}
	return m
}

// arcMethod states the chain: RFC 8617, Section 10.2. The remote address is that
// of the origin, as it is for SPF.
func arcMethod(e *policy.Evidence) authres.Method {
	m := authres.Method{Name: "arc", Status: e.ARC.Result, Reason: reasonUnless(e.ARC.Result, e.ARC.Why)}
	m.Properties = state(m.Properties, "smtp", "remote-ip", e.Origin.IP)
	if e.ARC.Result == mail.Pass {
		m.Properties = state(m.Properties, "header", "oldest-pass", strconv.Itoa(e.ARC.OldestPass))
	}
	return m
}

// state adds a property if there is something to state.
func state(ps []authres.Property, typ, name, value string) []authres.Property {
	if value == "" {
		return ps
	}
	return append(ps, authres.Property{Type: typ, Name: name, Value: value})
}

func orNone(s mail.Status) mail.Status {
	if s == "" {
		return mail.None
	}
	return s
}

// reasonUnless is what stands behind reason=. What DNS said is for the log: the
// recipient shall not learn our resolver's address.
func reasonUnless(s mail.Status, why string) string {
	switch s {
	case mail.Pass:
		return ""
	case mail.TempError:
		return "DNS did not answer"
	}
	return asReason.Replace(why)
}

// asReason writes a text without what authres leaves out of a reason, so that
// two sentences do not run together.
var asReason = strings.NewReplacer(";", ",", " (", ", ", ")", "")
