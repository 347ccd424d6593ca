package spf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	library "blitiri.com.ar/go/spf"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Limits of RFC 7208, Section 4.6.4.
const (
	maxLookups     = 10
	maxVoidLookups = 2
	maxDuration    = 20 * time.Second
)

// Identity says which name was checked: RFC 7208, Sections 2.3 and 2.4.
type Identity string

// The identities, in the words of RFC 8601, Section 2.7.2 (smtp.mailfrom, smtp.helo).
const (
	MailFrom Identity = "mailfrom"
	Helo     Identity = "helo"
)

// Result is the outcome of one check. All texts are printable ASCII.
type Result struct {
	Status   mail.Status // None, Neutral, Pass, Fail, SoftFail, TempError or PermError
	Domain   string      // the domain checked, A-labels; what was given if that is no domain
	Identity Identity
	Why      string // what matched or what failed, for a person
	Term     string // the term that decided, as published, at most 100 octets; "" if none did
	// Explanation is what the domain wants to be told to the author of refused
	// mail, at most 300 octets; "" if it says nothing or Status is not Fail. It
	// is a stranger's text and may hold any URL: who shows it says whose it is.
	Explanation string
}

// Check evaluates check_host() of RFC 7208, Section 4, for ip.
//
// The identity is the reverse-path, or postmaster at helo when the reverse-path
// names no domain (Section 2.4). An invalid ip, an address literal and a name
// with less than two labels give None. At most 10 terms ask DNS, each at most 11
// questions; %{p} and the explanation of a fail add 12 in all, and an IPv6 client
// one for each host of an "a" that has no AAAA. It takes at most 20 seconds of ctx.
func Check(ctx context.Context, r dns.Resolver, ip netip.Addr, helo string, reversePath mail.Address) Result {
	result, local := identify(helo, reversePath)
	if result.Status != "" {
		return result
	}
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		result.Status, result.Why = mail.None, "the address of the sending host is not known"
		return result
	}
	about := subject{ip, result.Domain, result.Identity}
	if ctx.Err() == nil { // otherwise what is in memory has to do, which takes no time
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, maxDuration)
		defer cancel()
	}
	past, ok, now := recall(ctx, r, about)
	if ok {
		return past
	}
	record := &recorder{Resolver: r, now: now}
	e := &evaluation{dns: record, client: ip, local: local, domain: result.Domain, helo: heloName(helo)}
	result = e.check(ctx, result)
	record.remember(about, result)
	return result
}

// check evaluates for the identity that result names.
func (e *evaluation) check(ctx context.Context, result Result) Result {
	status, err := library.CheckHostWithSender(net.IP(e.client.AsSlice()), e.helo, "@"+result.Domain,
		library.WithContext(ctx),
		library.WithResolver(e),
		library.WithTraceFunc(e.note),
		library.OverrideLookupLimit(maxLookups),
		library.OverrideVoidLookupLimit(maxVoidLookups))
	result.Status = mail.Status(status)
	switch {
	case e.spent && result.Status != mail.TempError:
		// What was not asked may have matched: nothing else can be said.
		result.Status, result.Why = mail.PermError, "the record needs more DNS questions than one check may ask"
		return result
	case result.Status == mail.TempError || result.Status == mail.None || result.Status == mail.PermError:
		result.Why = e.failure(result, err)
		return result
	}
	found, through := e.decided()
	result.Why = e.matchSentence(result.Status, found, through)
	if found != nil {
		result.Term = shown(found)
	}
	if result.Status == mail.Fail {
		result.Explanation = e.explanation(ctx)
	}
	return result
}

// CheckHelo is Check of the HELO identity, whatever the reverse-path is: RFC
// 7208, Section 2.3.
func CheckHelo(ctx context.Context, r dns.Resolver, ip netip.Addr, helo string) Result {
	return Check(ctx, r, ip, helo, mail.Address{})
}

// identify chooses the identity and returns the local part of the <sender> for
// it; a Status is set if there is nothing to check.
func identify(helo string, reversePath mail.Address) (result Result, local string) {
	if reversePath.Literal.IsValid() {
		why := "the reverse-path names an address, not a domain"
		return Result{Status: mail.None, Domain: "[" + reversePath.Literal.String() + "]", Identity: MailFrom, Why: why}, ""
	}
	result = Result{Domain: string(reversePath.Domain), Identity: MailFrom}
	local = reversePath.Local
	if reversePath.Domain == "" {
		name, err := mail.ParseDomain(helo)
		if err != nil {
			why := fmt.Sprintf("the HELO name %+.80q is not a domain name", helo)
			return Result{Status: mail.None, Domain: noSpace(helo), Identity: Helo, Why: why}, ""
		}
		result, local = Result{Domain: string(name), Identity: Helo}, ""
	}
	if !strings.Contains(result.Domain, ".") { // RFC 7208, Section 4.3
		result.Status, result.Why = mail.None, fmt.Sprintf("%q is not a name of several labels", result.Domain)
	}
	if local == "" {
		local = "postmaster" // RFC 7208, Section 4.3
	}
	return result, local
}

// heloName returns helo as %{h} may show it: a domain name, or "unknown".
func heloName(helo string) string {
	name, err := mail.ParseDomain(helo)
	if err != nil {
		return "unknown"
	}
	return string(name)
}

// noSpace returns what was given in place of a domain so that it can be one word.
func noSpace(s string) string { return strings.ReplaceAll(printable(s, maxShownOctets), " ", "?") }

// failure says why there is no verdict.
func (e *evaluation) failure(result Result, err error) string {
	asked := e.lastTXT
	switch {
	case result.Status == mail.TempError:
		return fmt.Sprintf("DNS did not answer in time or failed at %s", e.lastFailed)
	case result.Status == mail.None:
		return result.Domain + " publishes no SPF record"
	case e.badRecord != nil:
		return e.badRecord.Error()
	case errors.Is(err, library.ErrNoResult) && asked == "":
		return "the record refers to a name that cannot be one"
	case errors.Is(err, library.ErrNoResult):
		return fmt.Sprintf("%s, which the record refers to, publishes no SPF record", asked)
	case errors.Is(err, library.ErrMultipleRecords):
		return fmt.Sprintf("%s publishes several SPF records", asked)
	case errors.Is(err, library.ErrLookupLimitReached):
		return fmt.Sprintf("the record needs more than %d DNS look-ups", maxLookups)
	case errors.Is(err, library.ErrVoidLookupLimitReached):
		return fmt.Sprintf("more than %d DNS look-ups had no answer", maxVoidLookups)
	case errors.Is(err, library.ErrTooManyMXRecords):
		return "an mx term leads to more than 10 hosts"
	}
	return fmt.Sprintf("the record at %s cannot be evaluated: %+.100q", asked, err)
}
