package resolve

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

const (
	// maxTTL bounds how long a record is believed: a key or policy withdrawn
	// after an accident must be gone within the hour, whatever its TTL said.
	// There is no lower bound; a TTL of 0 is not kept.
	maxTTL = time.Hour

	// maxNegativeTTL is lower: a domain that publishes its record too late
	// must not wait long. RFC 2308, Section 5 allows any such limit.
	maxNegativeTTL = 15 * time.Minute

	// bareNegativeTTL is for a negative answer without SOA, as forwarders give
	// it for their local zones. RFC 2308, Section 5 would not have it kept,
	// because two servers that ask each other could keep it for ever; nobody
	// asks us, and one message must not ask for what the last one did.
	bareNegativeTTL = 5 * time.Second

	// maxRecords is how many records an answer may have in all its sections. With
	// compressed names a packet of 64 KiB takes megabytes and 9 ms to unpack, and
	// one message causes dozens of answers that its author wrote.
	maxRecords = 512

	headerOctets = 12
)

var (
	// errServFail says that the server answered and could not help.
	errServFail = errors.New("SERVFAIL")

	errRecords = fmt.Errorf("%w: more than %d records", errGarbage, maxRecords)
	errTLSAs   = fmt.Errorf("more than %d TLSA records", dns.MaxTLSA)
)

// accept turns a packet into the message that answers q, or says why it does
// not: errStray for an answer to something else, errGarbage for one that is
// ours but cannot be read. RFC 5452, Section 9.1.
func accept(packet []byte, id uint16, q question) (*mdns.Msg, error) {
	const response = 0x80
	if len(packet) < headerOctets || binary.BigEndian.Uint16(packet) != id || packet[2]&response == 0 {
		return nil, errStray
	}
	if records(packet) > maxRecords {
		return nil, errRecords
	}
	msg := new(mdns.Msg)
	err := msg.Unpack(packet)
	switch {
	case err == nil && len(msg.Question) == 0 && msg.Rcode != mdns.RcodeSuccess && msg.Rcode != mdns.RcodeNameError:
		// A bare header: some servers refuse like that.
		return msg, nil
	case len(msg.Question) != 1:
		return nil, errStray
	}
	asked := msg.Question[0]
	if canonical(asked.Name) != q.name || asked.Qtype != q.typ || asked.Qclass != mdns.ClassINET {
		return nil, errStray
	}
	if err != nil && !msg.Truncated {
		return nil, fmt.Errorf("%w: %w", errGarbage, err)
	}
	if msg.Opcode != mdns.OpcodeQuery {
		return nil, errGarbage
	}
	return msg, nil
}

// records is how many the header announces.
func records(packet []byte) int {
	n := 0
	for at := 6; at < headerOctets; at += 2 {
		n += int(binary.BigEndian.Uint16(packet[at:]))
	}
	return n
}

// read turns an accepted answer into an entry. The error says that the server
// was of no help: it refused, failed, or sent records without sense.
//
// The rcode is that of the end of the alias chain: RFC 6604, Section 3.
func read(msg *mdns.Msg, q question) (*entry, error) {
	switch msg.Rcode {
	case mdns.RcodeSuccess, mdns.RcodeNameError:
	case mdns.RcodeServerFailure:
		return nil, errServFail
	default:
		return nil, fmt.Errorf("rcode %s", rcodeText(msg.Rcode))
	}
	end, e, err := follow(msg.Answer, q)
	if err != nil {
		return nil, err
	}
	found, err := collect(msg.Answer, question{end, q.typ}, e)
	switch {
	case err != nil:
		return nil, err
	case found && msg.Rcode == mdns.RcodeNameError:
		return nil, fmt.Errorf("%w: records of a name that does not exist", errGarbage)
	case found:
		return e, nil
	case msg.Rcode == mdns.RcodeNameError:
		return negative(msg, end, e, dns.ErrNoSuchName), nil
	case soa(msg, end) != nil:
		return negative(msg, end, e, dns.ErrNoData), nil
	case e.links > 0 && end != "":
		// The chain leaves the answer, and nobody says that it ends there.
		e.alias = end
		return e, nil
	case len(msg.Answer)+len(msg.Ns) > 0:
		// A referral, or records of something else: not that there is nothing.
		// RFC 2308, Section 2.2.1.
		return nil, errOther
	}
	return negative(msg, end, e, dns.ErrNoData), nil
}

func rcodeText(rcode int) string {
	if text, ok := mdns.RcodeToString[rcode]; ok {
		return text
	}
	return fmt.Sprint(rcode)
}

// follow walks the CNAME records of the answer from q, at most maxLinks of them,
// and returns the name at the end and an entry with their number and lowest TTL.
// Who asks for the CNAME record itself wants no other name.
func follow(answer []mdns.RR, q question) (string, *entry, error) {
	at, e := q.name, &entry{ttl: maxTTL}
	for {
		if q.typ == mdns.TypeCNAME {
			return at, e, nil
		}
		var next *mdns.CNAME
		for _, rr := range answer {
			if c, ok := rr.(*mdns.CNAME); ok && owns(rr, at) {
				next = c
				break
			}
		}
		switch {
		case next == nil:
			return at, e, nil
		case next.Target == "":
			return "", nil, errGarbage // no data at all, which the library lets pass
		case e.links == maxLinks:
			return "", nil, errLinks
		}
		e.links++
		e.ttl = min(e.ttl, ttlOf(next))
		at = canonical(next.Target)
	}
}

// collect adds the records of q to e and reports whether there were any.
func collect(answer []mdns.RR, q question, e *entry) (found bool, err error) {
	for _, rr := range answer {
		if rr.Header().Rrtype != q.typ || !owns(rr, q.name) {
			continue
		}
		switch {
		case !e.add(rr):
			return false, fmt.Errorf("%w: %s record without data", errGarbage, mdns.TypeToString[q.typ])
		case len(e.tlsas) > dns.MaxTLSA:
			return false, errTLSAs
		}
		found = true
		e.ttl = min(e.ttl, ttlOf(rr))
	}
	return found, nil
}

// add keeps the data of one record; false: it has none. The library lets
// records with no data pass (they mean something in updates), and an MX without
// a host must not become a null MX.
func (e *entry) add(rr mdns.RR) bool {
	switch rr := rr.(type) {
	case *mdns.A:
		return e.addAddr(rr.A)
	case *mdns.AAAA:
		return e.addAddr(rr.AAAA)
	case *mdns.TXT:
		e.texts = append(e.texts, unescape(strings.Join(rr.Txt, "")))
		return len(rr.Txt) > 0
	case *mdns.MX:
		e.exchanges = append(e.exchanges, dns.MX{Preference: rr.Preference, Host: canonical(rr.Mx)})
		return rr.Mx != ""
	case *mdns.PTR:
		if host := canonical(rr.Ptr); isHost(host) {
			e.texts = append(e.texts, host)
		}
		return rr.Ptr != ""
	case *mdns.CNAME:
		e.texts = append(e.texts, canonical(rr.Target))
		return rr.Target != ""
	case *mdns.TLSA:
		return e.addTLSA(rr)
	}
	return false
}

// addTLSA keeps a record whatever its fields say: one without certificate data
// is a record too, of no use to anyone. Only one with no data at all is none.
func (e *entry) addTLSA(rr *mdns.TLSA) bool {
	data, err := hex.DecodeString(rr.Certificate)
	e.tlsas = append(e.tlsas, dns.TLSA{Usage: rr.Usage, Selector: rr.Selector, MatchingType: rr.MatchingType, Data: data})
	return err == nil && (len(data) > 0 || rr.Usage|rr.Selector|rr.MatchingType != 0)
}

func (e *entry) addAddr(raw []byte) bool {
	addr, ok := netip.AddrFromSlice(raw)
	e.addrs = append(e.addrs, addr)
	return ok
}

// negative makes e say that there is nothing at end. It is kept as long as the
// SOA record allows: RFC 2308, Section 5.
//
// Deviation: that Section would have "no such name" hold for every type of
// question. Each type is asked for, as there are servers that deny the whole name
// when asked for AAAA (RFC 4074, Section 4.2): SPF must not lose its A for it.
func negative(msg *mdns.Msg, end string, e *entry, class error) *entry {
	ttl := min(bareNegativeTTL, e.ttl)
	if s := soa(msg, end); s != nil {
		ttl = min(ttlOf(s), seconds(s.Minttl), maxNegativeTTL, e.ttl)
	}
	return &entry{class: class, links: e.links, ttl: ttl}
}

// soa returns the SOA record of a zone that name can be in; that of any other
// zone says nothing about name.
func soa(msg *mdns.Msg, name string) *mdns.SOA {
	for _, rr := range msg.Ns {
		s, ok := rr.(*mdns.SOA)
		if ok && s.Hdr.Class == mdns.ClassINET && mdns.IsSubDomain(s.Hdr.Name, mdns.Fqdn(name)) {
			return s
		}
	}
	return nil
}

// owns reports whether rr is a record of name in the Internet class. It is
// asked for thousands of records of a hostile answer: no copies here. Both
// names are ASCII, see canonical.
func owns(rr mdns.RR, name string) bool {
	h := rr.Header()
	return h.Class == mdns.ClassINET && strings.EqualFold(strings.TrimSuffix(h.Name, "."), name)
}

func ttlOf(rr mdns.RR) time.Duration { return seconds(rr.Header().Ttl) }

// seconds takes a TTL with the highest bit set for zero: RFC 2181, Section 8.
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

// unescape undoes the presentation form (RFC 1035, Section 5.1) that the
// library gives to the strings of a TXT record: `\"`, `\\`, `\DDD`.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch rest := s[i+1:]; {
		case s[i] != '\\' || rest == "":
			b.WriteByte(s[i])
		case len(rest) >= 3 && isDigit(rest[0]) && isDigit(rest[1]) && isDigit(rest[2]):
			b.WriteByte((rest[0]-'0')*100 + (rest[1]-'0')*10 + rest[2] - '0')
			i += 3
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
