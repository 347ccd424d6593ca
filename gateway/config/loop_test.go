package config

import (
	"strings"
	"testing"
)

func TestANextHopThatIsThisGatewayIsAFault(t *testing.T) {
	for _, c := range []struct {
		listener, nextHop string
		want              bool
	}{
		{"127.0.0.1:25", "127.0.0.1:25", true},
		{"127.0.0.1:25", "[::ffff:127.0.0.1]:25", true},
		{"192.0.2.1:25", "192.0.2.1:25", true},
		{"0.0.0.0:2525", "127.0.0.2:2525", true},
		{":25", "[::1]:25", true},
		{"[::1]:25", "[::1]:25", true},
		{"", "127.0.0.1:25", true}, // all addresses, port 25
		{"127.0.0.1:25", "[127.0.0.1]:25", true},
		{"127.0.0.1:25", "0.0.0.0:25", true},
		{"[::]:25", "[::]:25", true},
		{"192.0.2.1:25", "0.0.0.0:25", false},
		{"127.0.0.1:25", "127.0.0.1:26", false},
		{"127.0.0.1:25", "127.0.0.2:25", false},
		{"0.0.0.0:25", "192.0.2.9:25", false},
		{"0.0.0.0:25", "mail.example.com:25", false},
		{"systemd:smtp", "127.0.0.1:25", false},
	} {
		listener := ""
		if c.listener != "" {
			listener = "[[listener]]\naddress = \"" + c.listener + "\"\n"
		}
		for key, text := range map[string]string{
			"domain[0].next_hop":   strings.Replace(minimal, "mail.example.com:25", c.nextHop, 1) + listener,
			"next_hop[0].hosts[1]": strings.Replace(minimal, "mail.example.com:25", "mail", 1) + listener + "[[next_hop]]\nname = \"mail\"\nhosts = [\"mail1.example.com:25\", \"" + c.nextHop + "\"]\n",
		} {
			_, err := Parse("c.toml", []byte(text))
			if found := err != nil && strings.Contains(err.Error(), key+" = ") && strings.Contains(err.Error(), "is where this gateway listens"); found != c.want || err != nil && !c.want {
				t.Errorf("listener %q, next hop %q: %v", c.listener, c.nextHop, err)
			}
		}
	}
}
