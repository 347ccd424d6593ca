// Package dnstest is a DNS server on real UDP and TCP sockets that answers from
// a dns.Snapshot, and lies on demand. Tests ask it through gateway/resolve; the
// demo runs on it.
//
// It plays a recursive server: whole alias chains in one answer, NXDOMAIN and
// NODATA with an SOA record (RFC 2308, Sections 2.1 and 2.2), truncation over
// UDP (RFC 2181, Section 9). Names that the zone calls signed are AD for those
// who set AD; data that are BOGUS are SERVFAIL but for those who set CD (RFC
// 4035, Section 3.2). It forwards nothing, signs nothing and is no server for
// strangers: bind it to a loopback address.
package dnstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/policy/dns"
)

const (
	// TTL of every record, and of the SOA record of negative answers.
	TTL         = 300 * time.Second
	NegativeTTL = 60 * time.Second

	maxLinks        = 16      // CNAME records in one answer
	maxNames        = 1 << 16 // counted; the demo runs for days
	maxStringOctets = 255     // of one string of a TXT record
	bindTries       = 20      // to find a port that is free for UDP and TCP

	wrongName = "wrong.example." // in answers to another question
)

// Behaviour is how the server misbehaves; the zero value is honest. Records
// with the data SERVFAIL and TIMEOUT misbehave on their own.
type Behaviour struct {
	Drop          bool          // answer nothing
	DropUDP       bool          // answer over TCP only
	Delay         time.Duration // answer that late
	Rcode         string        // answer everything with "SERVFAIL", "REFUSED", ...
	Truncate      bool          // TC and no records over UDP, however small the answer
	TruncateTCP   bool          // the same over TCP
	WrongID       bool          // answer with another id
	Strays        int           // over UDP, this many answers with another id before the true one
	WrongQuestion bool          // answer another question
	Garbage       bool          // answer with a cut-off record behind a good header
	Partial       bool          // only the first CNAME record of a chain
	AD            bool          // claim DNSSEC validation, asked or not, of zones that are not signed too

	// Change, if set, may change each honest answer in any way before the rest of
	// the behaviour is applied. It is called by many goroutines.
	Change func(reply *mdns.Msg)

	// Before, if set, is called before each answer, by many goroutines, and
	// may block. Close waits for it.
	Before func(name, typ string)
}

// Server is a running server. Its methods may be called at any time.
type Server struct {
	zone      *dns.Snapshot
	addr      netip.AddrPort
	servers   []*mdns.Server
	running   sync.WaitGroup
	closing   chan struct{}
	closeOnce sync.Once
	behaviour atomic.Pointer[Behaviour]

	mu    sync.Mutex
	asked map[string]int // by "name TYPE"
	total int
}

// Serve starts a server on addr, UDP and TCP: "127.0.0.1:0" for a free port.
// The zone must not be changed while it runs.
func Serve(addr string, zone *dns.Snapshot) (*Server, error) {
	packets, listener, err := bind(addr)
	if err != nil {
		return nil, fmt.Errorf("dnstest: %w", err)
	}
	s := &Server{
		zone:    zone,
		addr:    listener.Addr().(*net.TCPAddr).AddrPort(),
		closing: make(chan struct{}),
		asked:   map[string]int{},
	}
	s.Behave(Behaviour{})
	started := make(chan struct{}, 2)
	s.servers = []*mdns.Server{{PacketConn: packets}, {Listener: listener}}
	for _, server := range s.servers {
		server.Handler = mdns.HandlerFunc(s.handle)
		server.NotifyStartedFunc = func() { started <- struct{}{} }
		s.running.Go(func() { server.ActivateAndServe() }) // until Close
	}
	// A server that has not started cannot be shut down.
	<-started
	<-started
	return s, nil
}

// bind opens the same port for UDP and TCP. A port that is free for one may be
// taken for the other: with port 0 it tries again.
func bind(addr string) (net.PacketConn, net.Listener, error) {
	want, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, nil, err
	}
	for range bindTries {
		listener, listenErr := net.Listen("tcp", addr)
		if listenErr != nil {
			return nil, nil, listenErr
		}
		var packets net.PacketConn
		packets, err = net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return packets, listener, nil
		}
		listener.Close()
		if want.Port() != 0 {
			break
		}
	}
	return nil, nil, err
}

// Addr returns where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Behave replaces the behaviour, from the next question on.
func (s *Server) Behave(b Behaviour) { s.behaviour.Store(&b) }

// Close stops the server and waits for its answers under way.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		close(s.closing)
		for _, server := range s.servers {
			server.Shutdown()
		}
		s.running.Wait()
	})
}

// Questions returns how many questions came, over UDP and TCP.
func (s *Server) Questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Asked returns how many questions came for name, of that type ("TXT").
func (s *Server) Asked(name, typ string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key(name, typ)]
}

func key(name, typ string) string { return plain(canonical(name)) + " " + typ }

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// plain is a name as the zone has it: without the backslashes that the library
// puts before some printable characters.
func plain(name string) string { return strings.ReplaceAll(name, `\`, "") }

func (s *Server) count(name, typ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	if k := key(name, typ); len(s.asked) < maxNames || s.asked[k] > 0 {
		s.asked[k]++
	}
}

// handle answers one question, or does not, as the behaviour says.
func (s *Server) handle(w mdns.ResponseWriter, request *mdns.Msg) {
	if len(request.Question) != 1 {
		return
	}
	b := *s.behaviour.Load()
	q := request.Question[0]
	typ := mdns.TypeToString[q.Qtype]
	s.count(q.Name, typ)
	if b.Before != nil {
		b.Before(canonical(q.Name), typ)
	}
	if b.Delay > 0 {
		select {
		case <-time.After(b.Delay):
		case <-s.closing:
			return
		}
	}
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	reply, err := s.reply(request, typ, b)
	if err != nil || b.Drop || b.DropUDP && udp {
		return
	}
	if b.Change != nil {
		b.Change(reply)
	}
	send(w, request, reply, b, udp)
}

// send cuts the reply to what fits, spoils it as b says, and sends it.
func send(w mdns.ResponseWriter, request, reply *mdns.Msg, b Behaviour, udp bool) {
	if udp {
		size := mdns.MinMsgSize
		if opt := request.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		reply.Truncate(size)
	}
	if b.Truncate && udp || b.TruncateTCP && !udp {
		reply.Truncated, reply.Answer, reply.Ns = true, nil, nil
	}
	packet, err := lie(reply, b).Pack()
	if err != nil {
		return
	}
	if b.Garbage {
		packet = packet[:len(packet)-1]
	}
	if udp {
		for range b.Strays {
			w.Write(append([]byte{^packet[0]}, packet[1:]...))
		}
	}
	w.Write(packet)
}

// lie makes reply an answer to something else, where b says so.
func lie(reply *mdns.Msg, b Behaviour) *mdns.Msg {
	if b.WrongID {
		reply.Id++
	}
	if b.WrongQuestion {
		reply.Question[0].Name = wrongName
	}
	return reply
}

// errSilence says that the question gets no answer.
var errSilence = errors.New("no answer")

// reply builds the honest answer.
func (s *Server) reply(request *mdns.Msg, typ string, b Behaviour) (*mdns.Msg, error) {
	reply := new(mdns.Msg)
	reply.SetReply(request)
	reply.RecursionAvailable = true
	if opt := request.IsEdns0(); opt != nil {
		reply.SetEdns0(opt.UDPSize(), opt.Do())
	}
	if b.Rcode != "" {
		reply.Rcode = mdns.StringToRcode[b.Rcode]
		return reply, nil
	}
	at, signed := canonical(request.Question[0].Name), true
	for range maxLinks {
		kind := typ
		data, exists := s.zone.Raw(plain(at), kind)
		signed = signed && s.zone.Signed(plain(at))
		reply.AuthenticatedData = b.AD || signed && request.AuthenticatedData
		if len(data) == 0 {
			kind = "CNAME"
			data, _ = s.zone.Raw(plain(at), kind)
		}
		if len(data) == 0 {
			reply.Ns = []mdns.RR{authority(at)}
			if !exists {
				reply.Rcode = mdns.RcodeNameError
			}
			return reply, nil
		}
		if err := add(reply, at, kind, data); err != nil {
			return nil, err
		}
		if kind == typ || reply.Rcode != mdns.RcodeSuccess || b.Partial {
			return reply, nil
		}
		at = canonical(data[0])
	}
	return reply, nil
}

// add adds the records of one name to the reply. Data that cannot be made into
// a record is the mistake of whoever wrote the zone: SERVFAIL.
func add(reply *mdns.Msg, name, typ string, data []string) error {
	for _, d := range data {
		switch {
		case d == "TIMEOUT":
			return errSilence
		case d == "BOGUS" && reply.CheckingDisabled:
			continue // what forged data say is nobody's business
		}
		rr, err := record(name, typ, d)
		if err != nil || d == "SERVFAIL" {
			reply.Rcode, reply.Answer = mdns.RcodeServerFailure, nil
			return nil
		}
		reply.Answer = append(reply.Answer, rr)
	}
	return nil
}

// record makes one resource record from zone text.
func record(name, typ, data string) (mdns.RR, error) {
	if typ == "TXT" {
		h := mdns.RR_Header{Name: mdns.Fqdn(name), Rrtype: mdns.TypeTXT, Class: mdns.ClassINET, Ttl: uint32(TTL / time.Second)}
		return &mdns.TXT{Hdr: h, Txt: split(data)}, nil
	}
	rr, err := mdns.NewRR(fmt.Sprintf(". %d IN %s %s", TTL/time.Second, typ, data))
	switch {
	case err != nil:
		return nil, err
	case rr == nil:
		return nil, errors.New("no record")
	}
	rr.Header().Name = mdns.Fqdn(name)
	return rr, nil
}

// split cuts the text of a TXT record into strings of at most 255 octets, in
// the escaped form that the library wants.
func split(text string) []string {
	var parts []string
	for {
		n := min(len(text), maxStringOctets)
		parts = append(parts, strings.ReplaceAll(text[:n], `\`, `\\`))
		if text = text[n:]; text == "" {
			return parts
		}
	}
}

// authority is the SOA record for a negative answer about name: of its last two
// labels, as if those were the zone.
func authority(name string) mdns.RR {
	labels := strings.Split(name, ".")
	zone := strings.Join(labels[max(0, len(labels)-2):], ".")
	seconds := uint32(NegativeTTL / time.Second)
	return &mdns.SOA{
		Hdr:     mdns.RR_Header{Name: mdns.Fqdn(zone), Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: seconds},
		Ns:      "ns.invalid.",
		Mbox:    "hostmaster.invalid.",
		Serial:  1,
		Refresh: 7200, Retry: 3600, Expire: 86400,
		Minttl: seconds,
	}
}
