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

// Result is the outcome of one check.
type Result struct {
	Status   mail.Status // None, Neutral, Pass, Fail, SoftFail, TempError or PermError
	Domain   string      // the domain checked, A-labels; what was given if that is no domain
	Identity Identity
	Why      string // what matched or what failed, for a person; printable ASCII
}

// Check evaluates check_host() of RFC 7208, Section 4, for ip.
//
// The identity is the reverse-path, or postmaster at helo when the reverse-path
// names no domain (Section 2.4). An invalid ip, an address literal and a name
// with less than two labels give None. It asks at most 10 terms and 100 names,
// and takes at most 20 seconds of ctx.
func Check(ctx context.Context, r dns.Resolver, ip netip.Addr, helo string, reversePath mail.Address) Result {
	result, sender := identify(helo, reversePath)
	if result.Status != "" {
		return result
	}
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		result.Status, result.Why = mail.None, "the address of the sending host is not known"
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, maxDuration)
	defer cancel()
	zone := &resolver{dns: r, client: ip}
	var trail trail
	status, err := library.CheckHostWithSender(net.IP(ip.AsSlice()), heloName(helo), sender,
		library.WithContext(ctx),
		library.WithResolver(zone),
		library.WithTraceFunc(trail.note),
		library.OverrideLookupLimit(maxLookups),
		library.OverrideVoidLookupLimit(maxVoidLookups))
	result.Status = mail.Status(status)
	result.Why = sentence(result, err, &trail, zone)
	return result
}

// identify chooses the identity and returns the <sender> for it; a Status is
// set if there is nothing to check.
func identify(helo string, reversePath mail.Address) (result Result, sender string) {
	if reversePath.Literal.IsValid() {
		why := "the reverse-path names an address, not a domain"
		return Result{Status: mail.None, Domain: "[" + reversePath.Literal.String() + "]", Identity: MailFrom, Why: why}, ""
	}
	result = Result{Domain: string(reversePath.Domain), Identity: MailFrom}
	local := reversePath.Local
	if reversePath.Domain == "" {
		name, err := mail.ParseDomain(helo)
		if err != nil {
			why := fmt.Sprintf("the HELO name %+.80q is not a domain name", helo)
			return Result{Status: mail.None, Domain: printable(helo), Identity: Helo, Why: why}, ""
		}
		result, local = Result{Domain: string(name), Identity: Helo}, ""
	}
	if !strings.Contains(result.Domain, ".") { // RFC 7208, Section 4.3
		result.Status, result.Why = mail.None, fmt.Sprintf("%q is not a name of several labels", result.Domain)
	}
	if local == "" {
		local = "postmaster" // RFC 7208, Section 4.3
	}
	// The library takes what follows the first "@" for the domain. A quote in
	// its place keeps such a local part from ever naming a record.
	return result, strings.ReplaceAll(local, "@", `"`) + "@" + result.Domain
}

// heloName returns helo as %{h} may show it: a domain name, or "unknown".
func heloName(helo string) string {
	name, err := mail.ParseDomain(helo)
	if err != nil {
		return "unknown"
	}
	return string(name)
}

// sentence says why the result is what it is.
func sentence(result Result, err error, trail *trail, zone *resolver) string {
	asked := zone.lastTXT
	switch {
	case result.Status == mail.TempError:
		return fmt.Sprintf("DNS did not answer in time or failed at %s", zone.lastFailed)
	case result.Status == mail.None:
		return fmt.Sprintf("%s publishes no SPF record", result.Domain)
	case result.Status != mail.PermError:
		return trail.sentence(result.Status, zone.client, err != nil)
	case zone.badRecord != nil:
		return zone.badRecord.Error()
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

// printable returns s, at most 80 octets, with everything but printable ASCII
// replaced.
func printable(s string) string {
	s = s[:min(len(s), 80)]
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, s)
}
