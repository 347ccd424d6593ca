package gateway

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mxgate/gateway/relay"
	"mxgate/gateway/wire"
)

const (
	// offersRefresh is how often the next hops are asked what they offer, and
	// offersSpacing how soon again when one turned out to offer less.
	offersRefresh = 5 * time.Minute
	offersSpacing = 10 * time.Second
	// offersPatience is how long the start waits for the first answer.
	offersPatience = 3 * time.Second
)

// offers keeps what we may offer: only what every next hop can take, because a
// message that was taken cannot be converted. SMTP-DUTIES, Section 9.
type offers struct {
	pool   *relay.Pool
	routes []*relay.Route
	log    *slog.Logger
	kick   chan struct{}

	current atomic.Pointer[wire.Offer]

	mu    sync.Mutex
	known map[hostOf]relay.Capabilities // what a host said last
	last  map[*relay.Route]probe
}

// probe is how the last look at a route went.
type probe struct {
	hosts []relay.Probed
	err   error
}

// hostOf is one host of one route: TLS and identity may differ by route.
type hostOf struct {
	route *relay.Route
	host  string
}

func newOffers(pool *relay.Pool, routes []*relay.Route, log *slog.Logger) *offers {
	o := &offers{pool: pool, routes: routes, log: log, kick: make(chan struct{}, 1), known: map[hostOf]relay.Capabilities{}, last: map[*relay.Route]probe{}}
	first := cutOffer(routes, nil)
	o.current.Store(&first)
	return o
}

// now is what is offered now.
func (o *offers) now() wire.Offer { return *o.current.Load() }

// stale has the next hops asked again soon: one offers less than we promised.
func (o *offers) stale() {
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// keep refreshes until ctx ends.
func (o *offers) keep(ctx context.Context) {
	tick := time.NewTicker(offersRefresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-o.kick:
		}
		o.refresh(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(offersSpacing):
		}
	}
}

// probed is how the last look at r went, as relay.Pool.Probe tells it.
func (o *offers) probed(_ context.Context, r *relay.Route) ([]relay.Probed, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[r].hosts, o.last[r].err
}

// refresh asks all next hops, side by side. What one said before stands while it
// cannot be reached.
func (o *offers) refresh(ctx context.Context) {
	var wg sync.WaitGroup
	for _, r := range o.routes {
		wg.Go(func() {
			probed, err := o.pool.Probe(ctx, r)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.last[r] = probe{probed, err}
			for _, p := range probed {
				if p.Err == nil {
					o.known[hostOf{r, p.Host}] = p.Capabilities
				}
			}
		})
	}
	wg.Wait()
	o.mu.Lock()
	next := cutOffer(o.routes, o.known)
	o.mu.Unlock()
	if last := o.current.Swap(&next); *last != next {
		o.log.Info("extensions offered", "offer", describe(next))
	}
}

// cutOffer cuts our table by what the hosts of all routes offer. Hosts that were
// never reached do not count: mail for them is deferred anyway. Without any, only
// 8BITMIME is offered, because a client that converts breaks signatures.
func cutOffer(routes []*relay.Route, known map[hostOf]relay.Capabilities) wire.Offer {
	reached := len(known) > 0
	offer := wire.Offer{EightBitMIME: true, SMTPUTF8: reached, DSN: reached, RequireTLS: reached, OneDomain: len(routes) > 1}
	allLMTP := len(routes) > 0
	limited := reached
	for _, r := range routes {
		allLMTP = allLMTP && r.LMTP
		var least int64 // of the hosts of r that say one
		for _, host := range r.Hosts {
			caps, ok := known[hostOf{r, host}]
			if !ok {
				continue
			}
			offer.EightBitMIME = offer.EightBitMIME && caps.EightBitMIME
			offer.SMTPUTF8 = offer.SMTPUTF8 && caps.SMTPUTF8
			offer.DSN = offer.DSN && caps.DSN
			offer.RequireTLS = offer.RequireTLS && caps.RequireTLS && caps.TLS != nil && caps.TLS.Verified
			if caps.MaxOctets > 0 && (least == 0 || caps.MaxOctets < least) {
				least = caps.MaxOctets
			}
		}
		// One next hop that takes little must not refuse what is for another:
		// it will refuse by itself what is too large for it.
		limited = limited && least > 0
		offer.MaxOctets = max(offer.MaxOctets, least)
	}
	if !limited {
		offer.MaxOctets = 0
	}
	if allLMTP {
		offer.MaxRecipients = 1 // X4: one answer cannot speak for two
	}
	return offer
}

// describe names what is offered, for the log.
func describe(o wire.Offer) string {
	words := []string{"PIPELINING", "ENHANCEDSTATUSCODES", "SIZE"}
	for _, x := range []struct {
		on   bool
		name string
	}{{o.EightBitMIME, "8BITMIME"}, {o.SMTPUTF8, "SMTPUTF8"}, {o.DSN, "DSN"}, {o.RequireTLS, "REQUIRETLS"}} {
		if x.on {
			words = append(words, x.name)
		}
	}
	return strings.Join(words, " ")
}
