package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	has, err := store.Exists(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w: it was cut, or the first start of the gateway was: restore it from a backup, or start the gateway, which makes a new one", cfg.File, cfg.DataDir, err)
	}
	if !has {
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

// Released says what became of a message at the next hops that took it.
type Released struct {
	NextHops  []string
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

// Release sends a held message to the next hops of its recipients as they are
// configured now: the octets and the envelope received, marked with
// X-Mxgate-Released and never judged again. The mark cannot be forged from outside:
// fields of our prefix are removed from all mail.
//
// Recipients who are refused now do not hold it back from the others; the history
// names them. It stays held, with an error, for those of a next hop that takes none
// or wants one of them to be tried again later; those of another one have it by then,
// and are not sent it again. With store.ErrMaybe nobody knows. With
// store.ErrUncertain the result says what was delivered.
func Release(ctx context.Context, cfg *config.Config, st *store.Store, id, by string) (Released, error) {
	resolver, err := NewResolver(cfg, "")
	if err != nil {
		return Released{}, err
	}
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname, Resolver: resolver})
	defer pool.Close()
	r := releasing{cfg: cfg, pool: pool, by: by}
	err = st.Release(ctx, id, by, r.deliver)
	return r.done, err
}

// releasing is one release under way.
type releasing struct {
	cfg  *config.Config
	pool *relay.Pool
	by   string
	done Released
}

// leg is what goes over one connection: the recipients of one next hop, or one of
// them where it speaks LMTP, which answers for each by itself.
type leg struct {
	route *relay.Route
	env   mail.Envelope
	paths []int // indexes in Held.Envelope.ForwardPaths
}

// refusals is the error of a leg all of whose recipients are refused.
type refusals []Refused

func (r refusals) Error() string {
	var all []string
	for _, one := range r {
		all = append(all, fmt.Sprintf("answered %s to <%s>", said(one.Reply), one.Path))
	}
	return strings.Join(all, "; ")
}

// texts are the refusals for the history.
func (r refusals) texts() (all []string) {
	for _, one := range r {
		all = append(all, one.String())
	}
	return all
}

// deliver is the store.Deliver: it goes over all legs, whatever becomes of one.
func (r *releasing) deliver(ctx context.Context, h store.Held, content *os.File, note func(store.Delivered) error) error {
	m, err := mail.ParseMessage(content, h.Size)
	if err != nil {
		return err
	}
	legs, err := legsOf(r.cfg, h)
	if err != nil {
		return fmt.Errorf("next hop %q: %w", h.NextHop, err)
	}
	taken := map[string]bool{}    // next hops that took it for somebody
	refused := map[int]refusals{} // whole legs, by their index
	var errs []error
	settle := func(l *leg, not refusals) error {
		if err := note(store.Delivered{NextHop: l.route.Name, Settled: l.paths, Refused: not.texts()}); err != nil {
			return err
		}
		r.done.Refused = append(r.done.Refused, not...)
		return nil
	}
	for i := range legs {
		l := &legs[i]
		to, not, err := r.send(ctx, l, h, m, content)
		whole, all := errors.AsType[refusals](err)
		switch {
		case err == nil:
			taken[l.route.Name] = true
			r.done.NextHops, r.done.Delivered = append(r.done.NextHops, l.route.Name), append(r.done.Delivered, to...)
			if err := settle(l, not); err != nil {
				return err
			}
		case all:
			refused[i] = whole
		default:
			errs = append(errs, fmt.Errorf("next hop %s: %w", l.route.Name, err))
		}
	}
	for i := range legs {
		switch {
		case refused[i] == nil:
		case !taken[legs[i].route.Name]: // its directory may be what is wrong
			errs = append(errs, fmt.Errorf("next hop %s: %w", legs[i].route.Name, refused[i]))
		default:
			if err := settle(&legs[i], refused[i]); err != nil {
				return err
			}
		}
	}
	return errors.Join(errs...)
}

// legsOf are the ways to the recipients of h that are left. They may have changed
// since it came.
func legsOf(c *config.Config, h store.Held) (legs []leg, err error) {
	env := h.Envelope
	for i, path := range env.ForwardPaths {
		if slices.Contains(h.Settled, i) {
			continue
		}
		route, ok := c.Routes[path.Domain]
		if !ok {
			if route, err = c.Route(h.NextHop); err != nil {
				return nil, err
			}
		}
		at := slices.IndexFunc(legs, func(l leg) bool { return l.route.Name == route.Name && !route.LMTP })
		if at < 0 {
			at = len(legs)
			legs = append(legs, leg{route: route, env: env})
			legs[at].env.ForwardPaths, legs[at].env.DSN = nil, nil
		}
		legs[at].env.AddRecipient(path, env.RecipientDSN(i))
		legs[at].paths = append(legs[at].paths, i)
	}
	return legs, nil
}

// send hands h over one leg, and returns who gets it and who is refused. The error
// is refusals if nobody is taken.
func (r *releasing) send(ctx context.Context, l *leg, h store.Held, m *mail.Message, content *os.File) (to []mail.Address, not refusals, err error) {
	d, err := r.pool.Open(ctx, l.route, mail.Client{Addr: h.Client, Helo: h.Helo, Source: h.Source}, l.env)
	if err != nil {
		return nil, nil, err
	}
	defer d.Abort() // after Send it does nothing
	if to, not, err = offer(ctx, d, &l.env); err != nil {
		return nil, nil, err
	}
	var block strings.Builder
	fold(&block, privatePrefix+"Released", fmt.Sprintf("%s; id=%s; by=%s; reason=%s", time.Now().UTC().Format(time.RFC3339), h.ID, r.by, h.Reason))
	parts := append([]io.ReadSeeker{strings.NewReader(block.String() + h.Trace + guard(m))}, strippingOf(r.cfg).kept(m, content)...)
	reply, err := d.Send(ctx, parts...)
	if err == nil && !reply.Positive() {
		err = fmt.Errorf("answered %s to the message", said(reply))
	}
	if f, failed := errors.AsType[*relay.Failure](err); failed && f.AfterDot {
		err = fmt.Errorf("%w: %w", store.ErrMaybe, err)
	}
	return to, not, err
}

// offer puts the recipients to the next hop. It fails unless one is taken and
// none is to be tried again: then they all get it later, at once.
func offer(ctx context.Context, d *relay.Delivery, env *mail.Envelope) (to []mail.Address, not refusals, err error) {
	for i, path := range env.ForwardPaths {
		reply, err := d.Rcpt(ctx, path, env.RecipientDSN(i))
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("<%s>: %w", path, err)
		case reply.Positive():
			to = append(to, path)
		case reply.Code < 500:
			return nil, nil, fmt.Errorf("answered %s to <%s>", said(reply), path)
		default:
			not = append(not, Refused{path, reply})
		}
	}
	if len(to) == 0 && len(not) > 0 {
		return nil, nil, not
	}
	return to, not, nil
}
