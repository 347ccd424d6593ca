package config

import (
	"fmt"
	"net/netip"

	"mxgate/gateway/config/strict"
)

// checkLoops finds next hops that are listeners of this gateway: all mail would come
// back, and be refused as a stranger's. A name that leads here is not found, nor is
// another address of this machine: no network is asked.
func (c *Config) checkLoops(k *strict.Problems) {
	var own []netip.AddrPort
	for _, s := range c.Sockets {
		if at, err := parseListen(s.Address); err == nil {
			own = append(own, at)
		}
	}
	check := func(key, host string) {
		plain, err := parseHostPort(host)
		if err != nil {
			return
		}
		to, err := netip.ParseAddrPort(plain)
		if err != nil {
			return
		}
		addr := to.Addr()
		for _, at := range own {
			here := at.Addr() == addr || at.Addr().IsUnspecified() && addr.IsLoopback() ||
				addr.IsUnspecified() && (at.Addr().IsLoopback() || at.Addr().IsUnspecified()) // a system takes it for loopback
			if here && at.Port() == to.Port() {
				k.Add(key, quote(host), "is where this gateway listens (%s): expected the mail server that the mail goes on to, on another address or port", at)
				return
			}
		}
	}
	for i, n := range c.NextHops {
		for j, host := range n.Hosts {
			check(fmt.Sprintf("next_hop[%d].hosts[%d]", i, j), host)
		}
	}
	for i, d := range c.Domains {
		check(fmt.Sprintf("domain[%d].next_hop", i), d.NextHop)
	}
}
