package count

import "testing"

func TestOneIsNotMany(t *testing.T) {
	for _, c := range []struct {
		n          int
		what, want string
	}{{0, "message", "0 messages"}, {1, "message", "1 message"}, {2, "message", "2 messages"}, {1, "address", "1 address"}, {3, "address", "3 addresses"}} {
		if got := Of(c.n, c.what); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestASizeThatIsSmallIsNotNothing(t *testing.T) {
	for octets, want := range map[int64]string{0: "0 octets", 1: "1 octet", 999: "999 octets", 1000: "1.0 KB", 69_632: "69.6 KB", 999_949: "999.9 KB", 999_950: "1.0 MB", 250_000_000: "250.0 MB"} {
		if got := Size(octets); got != want {
			t.Errorf("%d: %q, want %q", octets, got, want)
		}
	}
}
