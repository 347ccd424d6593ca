package resolve

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

const (
	resolvConf = "/etc/resolv.conf"

	maxConfOctets = 64 << 10 // of resolv.conf that are read
	maxServers    = 3        // MAXNS of resolv.conf(5)
)

// System returns the servers of /etc/resolv.conf, at most three. That there is
// none is an error: guessing 127.0.0.1 would show up as time-outs much later.
func System() ([]netip.AddrPort, error) {
	f, err := os.Open(resolvConf)
	if err != nil {
		return nil, fmt.Errorf("resolve: system servers: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfOctets))
	if err != nil {
		return nil, fmt.Errorf("resolve: system servers: %w", err)
	}
	return parseConf(string(text))
}

// parseConf reads the "nameserver" lines of resolv.conf(5).
func parseConf(text string) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" || len(servers) == maxServers {
			continue
		}
		addr, err := netip.ParseAddr(words[1])
		if err != nil {
			return nil, fmt.Errorf("resolve: %s: nameserver %q: want an address", resolvConf, words[1])
		}
		servers = append(servers, netip.AddrPortFrom(addr.Unmap(), 53))
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("resolve: %s: no nameserver line; set [dns] servers", resolvConf)
	}
	return servers, nil
}

// ParseServer reads a configured server: "192.0.2.1:53", "[2001:db8::1]:53", or
// an address alone, with or without brackets, which stands for port 53.
func ParseServer(s string) (netip.AddrPort, error) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), 53), nil
	}
	server, err := netip.ParseAddrPort(s)
	if err != nil || server.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolve: server %q: want address or address:port", s)
	}
	return netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), nil
}
