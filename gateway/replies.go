package gateway

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/gateway/wire"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// The replies of the gateway: code, enhanced code (RFC 3463), text. From RCPT on they end
// with the transaction id when they are sent; they never name a path, a query,
// another recipient or an error of Go. SMTP-DUTIES T1.
var (
	notOurs        = reply(550, 5, 7, 1, "We do not relay for that domain")
	routedAddress  = reply(550, 5, 7, 1, "Address with routing characters not accepted")
	noLiteral      = reply(550, 5, 7, 1, "Address literal not accepted")
	otherRoute     = reply(452, 4, 5, 3, "That recipient goes another way; send it in a transaction of its own")
	refused        = reply(550, 5, 7, 1, "Message refused by policy")
	spfFail        = reply(550, 5, 7, 23, "SPF of the sender's domain does not permit the origin of this message")
	spfBroken      = reply(550, 5, 7, 24, "The SPF record of the sender's domain cannot be evaluated")
	dkimMissing    = reply(550, 5, 7, 20, "No valid DKIM signature")
	dkimWeak       = reply(550, 5, 7, 21, "No acceptable DKIM signature")
	dkimOfOthers   = reply(550, 5, 7, 22, "No valid DKIM signature of the author domain")
	spfAndDKIMFail = reply(550, 5, 7, 26, "SPF and DKIM both failed")
	tryLaterSPF    = reply(451, 4, 7, 24, "The SPF record of the sender's domain cannot be had; try again later")
	tryLaterDNS    = reply(451, 4, 4, 3, "DNS is not answering; try again later")
	ourFault       = reply(451, 4, 3, 0, "Local trouble; try again later")
	flood          = reply(450, 4, 7, 28, "Too many messages from this sender; try again later")
	nullMX         = reply(550, 5, 7, 27, "The sender's domain takes no mail (null MX)")
	storeFull      = reply(452, 4, 3, 1, "No storage at the moment; try again later")
	badFraming     = reply(554, 5, 5, 2, "Bare CR, bare LF or NUL in message")
	tooLarge       = reply(552, 5, 3, 4, "Message exceeds the size limit")
	cutOff         = reply(421, 4, 4, 2, "The message did not come whole; closing the connection")
	headerLimit    = reply(554, 5, 6, 0, "Header section exceeds a limit")
	mailLoop       = reply(554, 5, 4, 6, "Message is looping")
	accepted       = reply(250, 2, 0, 0, "OK")
	held           = reply(250, 2, 0, 0, "OK, held for review")
)

func reply(code int, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

// replyFor holds the refusals by verdict. Reasons not listed are refused with
// `refused` when rejected and `ourFault` when deferred.
var replyFor = map[policy.Reason]*smtp.SMTPError{
	policy.TenantMismatch:  reply(550, 5, 7, 1, "The message did not come through our tenant of your provider"),
	policy.FromAmbiguous:   reply(550, 5, 7, 1, "The From field does not name exactly one author domain"),
	policy.OwnDomainSpoof:  reply(550, 5, 7, 1, "The author domain is ours, and nothing proves that we sent this"),
	policy.AuthUnavailable: tryLaterDNS,
}

// forVerdict is the reply to a message that is rejected or deferred. showExp lets
// a domain whose SPF fails have its say: policy.show_spf_explanation.
func forVerdict(v policy.Verdict, e *policy.Evidence, showExp bool) *smtp.SMTPError {
	r, ok := replyFor[v.Reason]
	if v.Disposition == policy.Reject {
		switch {
		case ok && r.Code >= 500:
			return r
		case v.Reason == policy.DMARCFail: // V3
			return reply(550, 5, 7, 1, "The DMARC policy of "+string(e.Author.Domain)+" is not met")
		case v.Reason == policy.DMARCNoneWeak:
			r := forWeakness(e)
			if r == spfFail && showExp && e.SPF.Explanation != "" {
				return explained(r, e)
			}
			return r
		}
		return refused
	}
	switch {
	case v.Reason == policy.AuthUnavailable && onlySPFUnknown(e):
		return tryLaterSPF
	case ok && r.Code < 500:
		return r
	}
	return ourFault
}

// onlySPFUnknown reports whether DNS has said everything but the SPF record: else
// nobody knows whose fault it is that there is no answer.
func onlySPFUnknown(e *policy.Evidence) bool {
	unknown := func(d policy.DKIM) bool { return d.Result == mail.TempError }
	return e.SPF.Result == mail.TempError && e.DMARC.Policy != "" && !slices.ContainsFunc(e.DKIM, unknown)
}

// forWeakness says which proof a message without DMARC policy lacked. RFC 7372,
// Sections 3.1 to 3.3; SMTP-DUTIES V1, V2, V4.
func forWeakness(e *policy.Evidence) *smtp.SMTPError {
	signed := len(e.DKIM) > 0
	valid := slices.ContainsFunc(e.DKIM, func(d policy.DKIM) bool { return d.Result == mail.Pass })
	switch {
	case e.SPF.Result == mail.Fail && signed && !valid:
		return spfAndDKIMFail
	case e.SPF.Result == mail.Fail:
		return spfFail
	case e.SPF.Result == mail.PermError:
		return spfBroken
	case valid:
		return dkimOfOthers
	case signed && slices.ContainsFunc(e.DKIM, func(d policy.DKIM) bool { return d.Result == mail.Policy }):
		return dkimWeak
	}
	return dkimMissing
}

// explained adds to r what the domain has its senders told, as its words and not
// ours: anybody may publish anything. RFC 7208, Section 6.2.
func explained(r *smtp.SMTPError, e *policy.Evidence) *smtp.SMTPError {
	c := r.EnhancedCode
	return reply(r.Code, c[0], c[1], c[2], fmt.Sprintf("%s; %s explains: %s", r.Message, printable(e.SPF.Domain), printable(e.SPF.Explanation)))
}

// withID ends the text of r with the transaction id. SMTP-DUTIES T1.
func withID(r *smtp.SMTPError, id string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: r.EnhancedCode, Message: r.Message[:min(len(r.Message), 300)] + " (" + id + ")"}
}

// forStore maps trouble with the quarantine. SMTP-DUTIES V8.
func forStore(err error) *smtp.SMTPError {
	if errors.Is(err, store.ErrFull) {
		return storeFull
	}
	return ourFault
}

// forContent maps why content could not be taken. SMTP-DUTIES F2, F4, M1.
func forContent(err error) *smtp.SMTPError {
	switch {
	case errors.Is(err, wire.ErrBadFraming):
		return badFraming
	case errors.Is(err, wire.ErrTooLarge):
		return tooLarge
	case errors.Is(err, wire.ErrSpool):
		return storeFull
	}
	return cutOff
}

// forNextHop maps what the next hop did. SMTP-DUTIES R1-R11: what concerns this
// message goes through, whatever concerns us is a 4xx. Acceptance is said in our
// words.
func forNextHop(r relay.Reply, err error) *smtp.SMTPError {
	switch {
	case err == nil && r.Positive():
		return accepted
	case err == nil:
		return passOn(r)
	}
	f, ok := errors.AsType[*relay.Failure](err)
	if !ok {
		return ourFault
	}
	switch f.Class {
	case relay.MailRefused:
		return passOn(f.Reply) // R2
	case relay.Closing, relay.Lost, relay.Uncertain: // R3, R9, R10
		return reply(451, 4, 4, 2, "The next hop broke the connection; try again later")
	case relay.Refused: // R4
		return reply(451, 4, 3, 5, "The next hop does not take mail from us; try again later")
	case relay.Connect: // R5
		return reply(451, 4, 4, 1, "The next hop is not reachable; try again later")
	case relay.Resolve: // R6
		return reply(451, 4, 4, 3, "The next hop's name cannot be resolved; try again later")
	case relay.Garbage: // R8
		return reply(451, 4, 5, 0, "The next hop does not speak SMTP properly; try again later")
	case relay.TLS: // R7
		return reply(451, 4, 7, 5, "No secure connection to the next hop; try again later")
	case relay.EightBit: // X-8BIT
		return reply(451, 4, 6, 3, "The next hop cannot take 8-bit content; try again later")
	case relay.UTF8Lost: // X-UTF8
		return reply(451, 4, 6, 7, "The next hop cannot take SMTPUTF8 at the moment; try again later")
	case relay.TLSLost: // X-RTLS: it was offered, so the fault is ours
		return reply(451, 4, 7, 30, "The next hop cannot honour REQUIRETLS at the moment; try again later")
	}
	return ourFault // R11 and what we do not know
}

// passOn makes the next hop's refusal ours, with a missing enhanced code filled in.
func passOn(r relay.Reply) *smtp.SMTPError {
	class := r.Code / 100
	out := reply(r.Code, class, 0, 0, r.Text)
	var e smtp.EnhancedCode
	if n, err := fmt.Sscanf(r.Enhanced, "%d.%d.%d", &e[0], &e[1], &e[2]); err == nil && n == 3 && e[0] == class {
		out.EnhancedCode = e
	}
	if out.Message == "" {
		out.Message = "Answer of the next hop"
	}
	return out
}

// enhanced writes the enhanced code for the journal.
func enhanced(r *smtp.SMTPError) string {
	return fmt.Sprintf("%d.%d.%d", r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2])
}
