package gateway

import (
	"strings"
	"testing"

	"mxgate/policy"
	"mxgate/policy/authres"
	"mxgate/policy/mail"
)

// A reason of two sentences stays two: it holds neither semicolon nor parentheses.
func TestAReasonCanBeRead(t *testing.T) {
	spf := policy.SPF{Result: mail.Fail, Domain: "partner.example", Why: "-all: 192.0.2.1 is not listed (through include:a.example)"}
	const why = "body hash did not match: the body was changed after signing; the signed header fields were not"
	e := policy.Evidence{SPF: spf, DKIM: []policy.DKIM{{Result: mail.Fail, Domain: "partner.example", Selector: "s", Why: why}}}
	field := strings.Join(strings.Fields(authres.Format("gate.example.com", authMethods(&e, nil))), " ")
	for _, want := range []string{`spf=fail reason="-all: 192.0.2.1 is not listed, through include:a.example" smtp`,
		`dkim=fail reason="body hash did not match: the body was changed after signing, the signed header fields were not" header.d`} {
		if !strings.Contains(field, want) {
			t.Errorf("%s is missing in\n%s", want, field)
		}
	}
}

// While the record cannot be read, no policy is stated as published.
func TestAPolicyThatOnlyMayApplyIsNotStated(t *testing.T) {
	for result, stated := range map[mail.Status]bool{mail.Fail: true, mail.TempError: false} {
		e := policy.Evidence{DMARC: policy.DMARC{Result: result, Domain: "partner.example", Policy: "reject"}}
		if got := strings.Contains(authres.Format("gate.example.com", authMethods(&e, nil)), "policy.dmarc=reject"); got != stated {
			t.Errorf("dmarc=%s: policy stated %t, want %t", result, got, stated)
		}
	}
}
