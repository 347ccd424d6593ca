package probe

import (
	"slices"
	"strings"
)

// Verdict says what a stranger meets.
type Verdict string

// The verdicts, worst first.
const (
	Open     Verdict = "open"     // a recipient was accepted
	Deferred Verdict = "deferred" // put off: who tries again may get in
	Unclear  Verdict = "unclear"  // somebody answers, and what was said decides nothing
	Unknown  Verdict = "unknown"  // could not be asked from here
	Refused  Verdict = "refused"  // refused for good, for being a stranger
	Closed   Verdict = "closed"   // no connection from here, though there is one to another mail server
	Provider Verdict = "provider" // an address of a source: not asked, for there strangers belong
)

var worstFirst = []Verdict{Open, Deferred, Unclear, Unknown, Refused, Closed, Provider}

// Verdicts lists the verdicts, worst first.
func Verdicts() []Verdict { return slices.Clone(worstFirst) }

// Worse reports whether v is worse than other; any verdict is worse than none.
func (v Verdict) Worse(other Verdict) bool {
	if other == "" {
		return v != ""
	}
	return v != "" && slices.Index(worstFirst, v) < slices.Index(worstFirst, other)
}

// Finding reports whether somebody has to act, or to look closer.
func (v Verdict) Finding() bool { return v == Open || v == Deferred || v == Unclear }

// Step is how far a conversation came.
type Step string

// The steps, in their order.
const (
	Connect  Step = "connect"
	TLS      Step = "tls" // the handshake, of port 465 or after STARTTLS
	Greeting Step = "greeting"
	EHLO     Step = "ehlo"
	MAIL     Step = "mail"
	RCPT     Step = "rcpt"
)

// judge says what a reply at a step means. No verdict: the conversation goes on.
func judge(step Step, r Reply) (v Verdict, why string) {
	switch {
	case positive(step, r):
		if step == RCPT {
			return Open, "a recipient was accepted: mail of strangers gets in here"
		}
		return "", ""
	case r.Code >= 400 && has(strings.ToLower(r.Text), ofCertificate): // Postfix says so with 421
		return Refused, "strangers have no certificate that it takes"
	case r.Code >= 400 && r.Code < 500:
		return Deferred, "put off, not refused: a stranger who tries again may get in"
	case r.Code < 500 || r.Code > 599:
		return Unclear, "this answer has no meaning there"
	}
	return judgeRefusal(step, r)
}

// positive reports whether r lets the conversation go on. RFC 5321, Section 4.3.2.
func positive(step Step, r Reply) bool {
	switch step {
	case Greeting:
		return r.Code == 220
	case RCPT:
		return r.Code == 250 || r.Code == 251 || r.Code == 252
	}
	return r.Code == 250
}

// judgeRefusal tells a refusal of strangers from one of something else: that one
// another stranger would not meet.
func judgeRefusal(step Step, r Reply) (Verdict, string) {
	text := strings.ToLower(r.Text)
	subject := ""
	if _, tail, ok := strings.Cut(r.Enhanced, "."); ok {
		subject, _, _ = strings.Cut(tail, ".")
	}
	switch {
	case has(text, ofReputation):
		return Unclear, "refused for the reputation of this machine's address: another stranger may get in; ask from elsewhere"
	case has(text, ofName):
		return Unclear, "refused for the name or reverse-path given, not for being a stranger: give others with -helo and -mail-from"
	case r.Code == 500, r.Code == 501, r.Code == 502, r.Code == 503, r.Code == 504, r.Code == 555:
		// RFC 5321, Section 4.2.2: a command, not its sender.
		if has(text, ofStrangers) {
			break
		}
		return Unclear, "a command was refused, not who gives it"
	case subject == "7", has(text, ofStrangers):
	case step == RCPT && (subject != "" || r.Code == 550 || r.Code == 551 || r.Code == 552 || r.Code == 553):
		return Unclear, "the mailbox was refused, not the stranger: ask for one that exists with -rcpt"
	case step == MAIL && (subject != "" || r.Code == 550 || r.Code == 553):
		return Unclear, "the reverse-path was refused, not the stranger: give another with -mail-from"
	}
	return Refused, "strangers are refused"
}

func has(text string, phrases []string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(text, p) })
}

// How servers say what a refusal is about. The first two only ever turn a refusal
// into Unclear; those of the others are what is said to every stranger.
var (
	ofReputation = []string{
		"blocklist", "block list", "blacklist", "black list", "blocked using", "dnsbl", "rbl", "spamhaus", "spamcop", "barracuda",
		"reputation", "listed at", "listed in", "listed on", "is listed", "dynamic", "residential", "too many",
	}
	ofName = []string{
		"helo", "ehlo", "reverse dns", "rdns", "reverse lookup", "hostname", "ptr", "spf", "dmarc",
		"sender", "null reverse", "callout", "return path", "bounce",
	}
	ofCertificate = []string{"client certificate"}
	ofStrangers   = []string{
		"relay access denied", "relaying denied", "not permitted to relay", "relay not permitted", "unable to relay", "relay not allowed",
		"client host rejected", "administrative prohibition", "authentication required", "authentication is required", "auth required", "must authenticate",
		"your address", "your ip", "not authenticated",
	}
)
