package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/disk"
	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// OpenStore opens the quarantine and journal of a configuration, beside a
// gateway that may be running. It creates no database: who looks at an empty
// one that a wrong data_dir led to would believe that nothing is held.
func OpenStore(cfg *config.Config) (*store.Store, error) {
	if err := hasRun(cfg); err != nil {
		return nil, err
	}
	s, err := store.Open(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("%s: data_dir = %q: %w", cfg.File, cfg.DataDir, anothers(cfg, err))
	}
	return s, nil
}

func hasRun(cfg *config.Config) error {
	if !store.Exists(cfg.DataDir) {
		return fmt.Errorf("%s: data_dir: no mxgate data in %s: expected the data_dir of a gateway that has run; if it is new, start it once (mxgate serve -config %s)", cfg.File, cfg.DataDir, cfg.File)
	}
	return nil
}

// anothers is err for a command, which is to be run by the user whose data it is: who
// gave it to another one would take it away from the gateway.
func anothers(cfg *config.Config, err error) error {
	if owner, ok := disk.Denied(cfg.DataDir, err); ok {
		return fmt.Errorf("%s belongs to %s: run this as that user, e.g. %s mxgate ... (%v)", owner.Path, owner, owner.Sudo(), os.ErrPermission)
	}
	return err
}

// Released says what became of a message at the next hop that took it.
type Released struct {
	NextHop   string
	Delivered []mail.Address
	Refused   []Refused // they do not get it, and it is not offered to them again
}

// Refused is a recipient whom the next hop refuses for good.
type Refused struct {
	Path  mail.Address
	Reply relay.Reply // 5xx
}

func (r Refused) String() string { return fmt.Sprintf("<%s>: %s", r.Path, said(r.Reply)) }

// said is an answer of the next hop in one line.
func said(r relay.Reply) string {
	return strings.Join(strings.Fields(fmt.Sprint(r.Code, " ", r.Enhanced, " ", r.Text)), " ")
}

// Release sends a held message to its next hop: the octets and the envelope
// received, marked with X-Mxgate-Released and never judged again. The mark
// cannot be forged from outside: fields of our prefix are removed from all mail.
//
// Recipients who are refused now do not hold it back from the others; the history
// names them. It stays held, with an error, if none is taken or if one is to be
// tried again later; with store.ErrMaybe nobody knows. With store.ErrUncertain the
// result says what was delivered.
func Release(ctx context.Context, cfg *config.Config, st *store.Store, id, by string) (Released, error) {
	resolver, err := NewResolver(cfg, "")
	if err != nil {
		return Released{}, err
	}
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname, Resolver: resolver})
	defer pool.Close()
	var done Released
	err = st.Release(ctx, id, by, func(ctx context.Context, h store.Held, content *os.File) (store.Delivered, error) {
		route, err := routeNow(cfg, h)
		if err != nil {
			return store.Delivered{}, fmt.Errorf("next hop %q: %w", h.NextHop, err)
		}
		r := Released{NextHop: route.Name}
		if err := r.deliver(ctx, cfg, pool, route, h, content, by); err != nil {
			return store.Delivered{}, fmt.Errorf("next hop %s: %w", r.NextHop, err)
		}
		done = r
		history := store.Delivered{NextHop: r.NextHop}
		for _, refused := range r.Refused {
			history.Refused = append(history.Refused, refused.String())
		}
		return history, nil
	})
	return done, err
}

// routeNow is the way to the recipients of h, which may have changed since.
func routeNow(c *config.Config, h store.Held) (*relay.Route, error) {
	if len(h.Envelope.ForwardPaths) > 0 {
		if now, ok := c.Routes[h.Envelope.ForwardPaths[0].Domain]; ok {
			return now, nil
		}
	}
	return c.Route(h.NextHop)
}

// deliver hands h to the next hop and notes in r who gets it.
func (r *Released) deliver(ctx context.Context, cfg *config.Config, pool *relay.Pool, route *relay.Route, h store.Held, content *os.File, by string) error {
	m, err := mail.ParseMessage(content, h.Size)
	if err != nil {
		return err
	}
	d, err := pool.Open(ctx, route, mail.Client{Addr: h.Client, Helo: h.Helo, Source: h.Source}, h.Envelope)
	if err != nil {
		return err
	}
	defer d.Abort() // after Send it does nothing
	if err := r.offer(ctx, d, &h.Envelope); err != nil {
		return err
	}
	var block strings.Builder
	fold(&block, privatePrefix+"Released", fmt.Sprintf("%s; id=%s; by=%s; reason=%s", time.Now().UTC().Format(time.RFC3339), h.ID, by, h.Reason))
	parts := append([]io.ReadSeeker{strings.NewReader(block.String() + h.Trace + guard(m))}, strippingOf(cfg).kept(m, content)...)
	reply, err := d.Send(ctx, parts...)
	if err == nil && !reply.Positive() {
		err = fmt.Errorf("answered %s to the message", said(reply))
	}
	if f, failed := errors.AsType[*relay.Failure](err); failed && f.AfterDot {
		err = fmt.Errorf("%w: %w", store.ErrMaybe, err)
	}
	return err
}

// offer puts the recipients to the next hop. It fails unless one is taken and
// none is to be tried again: then the whole message is sent later, once.
func (r *Released) offer(ctx context.Context, d *relay.Delivery, env *mail.Envelope) error {
	var refusals []string
	for i, path := range env.ForwardPaths {
		reply, err := d.Rcpt(ctx, path, env.RecipientDSN(i))
		if err != nil {
			return fmt.Errorf("<%s>: %w", path, err)
		}
		answer := fmt.Sprintf("answered %s to <%s>", said(reply), path)
		switch {
		case reply.Positive():
			r.Delivered = append(r.Delivered, path)
		case reply.Code < 500:
			return errors.New(answer)
		default:
			r.Refused = append(r.Refused, Refused{path, reply})
			refusals = append(refusals, answer)
		}
	}
	if len(r.Delivered) == 0 && len(refusals) > 0 {
		return errors.New(strings.Join(refusals, "; "))
	}
	return nil
}
