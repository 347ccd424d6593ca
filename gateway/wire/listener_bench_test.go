package wire_test

import (
	"net"
	"net/netip"
	"testing"

	"mxgate/gateway/wire"
)

// BenchmarkStrangersBeyondTheirSlots is what a flood costs the accept loop: one
// connection after another that finds the slots of strangers taken.
func BenchmarkStrangersBeyondTheirSlots(b *testing.B) {
	told := make(chan struct{}, 64)
	s := start(b, func(cfg *wire.Config) {
		cfg.Admit = turnAllAway
		cfg.MaxStrangers = 1
		cfg.OnStranger = func(netip.Addr, string) { told <- struct{}{} }
	})
	s.dial(b).expect("554")
	address := s.l.Addr().String()
	b.ReportAllocs()
	for b.Loop() {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		<-told
	}
}
