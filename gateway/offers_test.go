package gateway

import (
	"testing"

	"mxgate/gateway/relay"
)

// Between the hosts of a route the smallest SIZE counts, because any of them may
// get the message; between routes the largest, because none gets what is for
// another. SMTP-DUTIES F5.
func TestDuty_F5_Gateway_OneRouteDoesNotLimitAnother(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes [][]int64 // by route, by host; 0: no limit; -1: never reached
		want  int64
	}{
		{"one host", [][]int64{{5000}}, 5000},
		{"the smaller of two hosts", [][]int64{{5000, 3000}}, 3000},
		{"a host without limit", [][]int64{{5000, 0}}, 5000},
		{"the larger of two routes", [][]int64{{1}, {5000}}, 5000},
		{"a route without limit", [][]int64{{1}, {0}}, 0},
		{"a route that was never reached", [][]int64{{1}, {-1}}, 0},
		{"nobody was reached", [][]int64{{-1}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var routes []*relay.Route
			known := map[hostOf]relay.Capabilities{}
			for _, sizes := range test.sizes {
				r := &relay.Route{}
				for i, size := range sizes {
					host := string(rune('a' + i))
					r.Hosts = append(r.Hosts, host)
					if size >= 0 {
						known[hostOf{r, host}] = relay.Capabilities{Size: true, MaxOctets: size}
					}
				}
				routes = append(routes, r)
			}
			if got := cutOffer(routes, known).MaxOctets; got != test.want {
				t.Errorf("SIZE %d, want %d", got, test.want)
			}
		})
	}
}
