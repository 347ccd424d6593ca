//go:build unix

package memory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mxgate/gateway/memory/digest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLearn tells what one message costs in all goroutines together, and
// what is left of it in RAM and on the disk.
//
//	go test -run xxx -bench Learn -benchtime 1000000x ./gateway/memory
func BenchmarkLearn(b *testing.B) {
	dir := b.TempDir()
	c := Config{Dir: dir, Own: []mail.Domain{"example.org"}, OnError: func(err error) { b.Error(err) }}
	c.Limits.NewDomains = 50_000
	s, err := Open(c)
	if err != nil {
		b.Fatal(err)
	}
	f := newTraffic(b.N)
	spent := time.Duration(0)
	for i := 0; i < b.N; i += 1000 {
		some := make([]policy.Observation, min(1000, b.N-i))
		for j := range some {
			some[j] = f.next()
		}
		begin := cpu()
		for _, o := range some {
			s.Learn(o)
		}
		if err := s.do(context.Background(), s.desk.drain); err != nil {
			b.Fatal(err)
		}
		spent += cpu() - begin
	}
	st, _ := s.Stats(context.Background())
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-us/msg")
	b.ReportMetric(float64(st.RAMOctets)/1e6, "ram-MB")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, databaseName)); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "disk-MB")
	}
	if os.Getenv("MEMORY_STATS") != "" {
		fmt.Printf("%+v\n", st)
	}
	now := time.Now()
	if s, err = Open(c); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(now).Milliseconds()), "load-ms")
	s.Close()
}

// BenchmarkRecall asks what a reply of a known correspondent asks.
func BenchmarkRecall(b *testing.B) {
	c := Config{Dir: b.TempDir(), Own: []mail.Domain{"example.org"}}
	c.Limits.NewDomains, c.Limits.Queue = 50_000, 200_000
	s, err := Open(c)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const n = 50_000
	f := newTraffic(n)
	var questions []policy.Question
	for range n {
		o := f.next()
		s.Learn(o)
		if o.Aligned && len(o.Cited) > 0 {
			questions = append(questions, policy.Question{At: o.At, Author: o.Author, Name: o.Name, Recipients: o.Recipients, Cited: o.Cited, Domains: []mail.Domain{"mail.example.org", "third.example"}})
		}
	}
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	for i := range questions { // as after a while: who writes has been looked up before
		if _, err := s.Recall(context.Background(), questions[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.Recall(context.Background(), questions[i%len(questions)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDigest is what Learn costs its caller.
func BenchmarkDigest(b *testing.B) {
	g := digest.New(make([]byte, digest.KeyOctets), []mail.Domain{"example.org"})
	f := newTraffic(1000)
	var all []policy.Observation
	for range 1000 {
		all = append(all, f.next())
	}
	b.ReportAllocs()
	for i := range b.N {
		g.Digest(&all[i%len(all)])
	}
}
