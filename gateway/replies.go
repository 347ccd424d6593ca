package gateway

import (
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"

	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/gateway/wire"
	"mxgate/policy"
)

// The replies of the gateway: code, enhanced code (RFC 3463), text. Texts end
// with the transaction id when they are sent; they never name a path, a query,
// another recipient or an error of Go. SMTP-DUTIES T1.
var (
	notOurs       = reply(550, 5, 7, 1, "We do not relay for that domain")
	routedAddress = reply(550, 5, 7, 1, "Address with routing characters not accepted")
	noLiteral     = reply(550, 5, 7, 1, "Address literal not accepted")
	otherRoute    = reply(452, 4, 5, 3, "That recipient goes another way; send it in a transaction of its own")
	refused       = reply(550, 5, 7, 1, "Message refused by policy")
	tryLaterDNS   = reply(451, 4, 4, 3, "DNS is not answering; try again later")
	ourFault      = reply(451, 4, 3, 0, "Local trouble; try again later")
	storeFull     = reply(452, 4, 3, 1, "No storage at the moment; try again later")
	badFraming    = reply(554, 5, 5, 2, "Bare CR, bare LF or NUL in message")
	tooLarge      = reply(552, 5, 3, 4, "Message exceeds the size limit")
	cutOff        = reply(421, 4, 4, 2, "The message did not come whole; closing the connection")
	headerLimit   = reply(554, 5, 6, 0, "Header section exceeds a limit")
	mailLoop      = reply(554, 5, 4, 6, "Message is looping")
	accepted      = reply(250, 2, 0, 0, "OK")
	held          = reply(250, 2, 0, 0, "OK, held for review")
)

func reply(code int, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

// replyFor holds the refusals by verdict. Reasons not listed are refused with
// `refused` when rejected and `ourFault` when deferred.
var replyFor = map[policy.Reason]*smtp.SMTPError{
	policy.FromAmbiguous:   reply(550, 5, 7, 1, "The From field does not name exactly one author domain"),
	policy.OwnDomainSpoof:  reply(550, 5, 7, 1, "The author domain is ours, and nothing proves that we sent this"),
	policy.DMARCFail:       reply(550, 5, 7, 1, "The author domain's DMARC policy is not met"),
	policy.AuthUnavailable: tryLaterDNS,
}

// forVerdict is the reply to a message that is rejected or deferred.
func forVerdict(v policy.Verdict) *smtp.SMTPError {
	r, ok := replyFor[v.Reason]
	switch v.Disposition {
	case policy.Reject:
		if ok && r.Code >= 500 {
			return r
		}
		return refused
	default:
		if ok && r.Code < 500 {
			return r
		}
		return ourFault
	}
}

// withID ends the text of r with the transaction id. SMTP-DUTIES T1.
func withID(r *smtp.SMTPError, id string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: r.EnhancedCode, Message: fmt.Sprintf("%.300s (%s)", r.Message, id)}
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
// message goes through, whatever concerns us is a 4xx.
func forNextHop(r relay.Reply, err error) *smtp.SMTPError {
	if err == nil {
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
	case relay.EightBit: // X-8BIT
		return reply(451, 4, 6, 3, "The next hop cannot take 8-bit content; try again later")
	}
	return ourFault // R11 and what we do not know
}

// passOn makes the next hop's answer ours, with a missing enhanced code filled in.
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
