//go:build unix

package store

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// typicalEvidence is what is stored of a signed, clean message from one of our
// tests: 2 KB is the mean of the load test's journal.
const typicalEvidence = `{"source":"provider","path":{"verdict":"permitted_direct","source":"provider","tenancy":{"state":"unbound"},"why":"the client 192.0.2.10 is in source \"provider\", which delivers its own mail"},"origin":{"ip":"192.0.2.10","helo":"mx.example.org","method":"peer","confidence":"high","why":"source \"provider\" delivers its own mail: the client is the origin"},"spf":{"result":"pass","domain":"d11.example.org","identity":"mailfrom","why":"192.0.2.10 matched ip4:192.0.2.0/24 (through include:_spf.d11.example.org)","term":"ip4:192.0.2.0/24","helo":{"result":"none","domain":"mx.example.org","why":"mx.example.org publishes no SPF record"}},"dkim":[{"result":"pass","domain":"d11.example.org","selector":"s1","algorithm":"rsa-sha256","b":"U1u8LvCJ","why":"the signature holds"}],"arc":{"result":"none"},"dmarc":{"result":"pass","domain":"d11.example.org","policy":"reject","spf_aligned":true,"dkim_aligned":true,"why":"SPF and DKIM passed and are aligned","organizational":"d11.example.org","dkim_domain":"d11.example.org","published":{"p":"reject","adkim":"r","aspf":"r","t":"n","psd":"u","fo":"0"},"evaluated":"pass"},"author":{"address":"sender38@d11.example.org","domain":"d11.example.org","display":"Sender Number 38","candidates":["d11.example.org"]},"lookalike":[{"domain":"d11.example.org","target":"dest.example.com","class":"tld","confidence":60,"why":"d11.example.org looks like dest.example.com: other ending: .org instead of .com","where":"author","own":true,"alone":false,"same_owner":true}],"thread":{"author":{"domain":"example.org","state":""},"similar":[{"domain":"example.org","target":"example.com","where":"author","relation":"own","class":"tld","confidence":60,"why":"d11.example.org looks like dest.example.com: other ending: .org instead of .com","same_owner":true}]},"reverse_path":"sender38@d11.example.org","forward_paths":["erika@dest.example.com"],"received_at":"2026-11-22T10:28:04.623729548Z"}`

func typicalEntry(i int) Entry {
	domain := mail.Domain(fmt.Sprintf("d%02d.example.org", i%20))
	return Entry{
		ID: fmt.Sprintf("06h05j3p%012d", i), At: time.Unix(1_700_000_000, int64(i)*1e6), Client: netip.MustParseAddr("192.0.2.10"), Helo: "mx.example.org",
		Source: "provider", OriginIP: netip.MustParseAddr("192.0.2.10"), ReversePath: mail.Address{Local: "sender", Domain: domain},
		ForwardPaths: []mail.Address{{Local: "erika", Domain: "example.com"}}, Author: "sender@" + string(domain),
		MessageID: fmt.Sprintf("<w1.%d.b36bf5ca1b143ffc@%s>", i, domain), Size: 4187, Disposition: "relay", Reason: "clean", Path: "permitted_direct",
		Sentence:  "The author domain " + string(domain) + " is proven: it came from 192.0.2.10, which " + string(domain) + " lists in SPF; the DKIM signature by it holds.",
		ReplyCode: 250, Enhanced: "2.0.0", NextHop: "127.0.0.1:25", Outcome: Relayed, Duration: 5 * time.Millisecond, Evidence: []byte(typicalEvidence),
	}
}

// BenchmarkJournal is the cost of one row, in groups as the load test makes them.
func BenchmarkJournal(b *testing.B) {
	for _, group := range []int{1, 20, 300} {
		b.Run(fmt.Sprintf("groups of %d", group), func(b *testing.B) {
			s, err := Config{Dir: b.TempDir(), OnError: func(err error) { b.Error(err) }}.Open()
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			before := cpuTime(b)
			for i := range b.N {
				s.Journal(typicalEntry(i))
				if i%group == group-1 {
					if err := s.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what this process has used, the writer goroutine and the kernel's
// part included: on a busy machine the only figure that can be compared.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFilters is the cost of a listing that finds nothing in 300,000 entries:
// all of them are looked at.
func BenchmarkFilters(b *testing.B) {
	s, err := Config{Dir: b.TempDir(), OnError: func(err error) { b.Error(err) }}.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range 300_000 {
		s.Journal(typicalEntry(i))
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	nobody := mail.Address{Local: "nobody", Domain: "example.net"}
	for name, f := range map[string]Filter{
		"reason": {Reason: "none"}, "from": {From: Mailboxes{Address: nobody}}, "from domain": {From: Mailboxes{Domain: "example.net"}},
		"to": {To: Mailboxes{Address: nobody}}, "to domain": {To: Mailboxes{Domain: "example.net"}}, "message-id": {MessageID: "nothing@example.net"},
	} {
		b.Run(name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				if all, err := s.Entries(b.Context(), f); err != nil || len(all) > 0 {
					b.Fatal(len(all), err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
