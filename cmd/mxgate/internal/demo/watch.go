package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/gateway/store"
	"mxgate/policy"
)

// glance is how often the journal is looked at while people play.
const glance = 300 * time.Millisecond

// watcher knows what was shown already.
type watcher struct {
	w         *world
	out       io.Writer
	color     bool
	rows      int
	entries   map[string]bool // by id
	strangers map[strangerKey]int64
}

type strangerKey struct {
	hour    time.Time
	network netip.Prefix
}

// watch leaves the gateway running, says how to talk to it, and prints a row
// for each message and each stranger, until ctx ends.
func (w *world) watch(ctx context.Context, o Options) error {
	x := &watcher{w: w, out: o.Out, color: o.Color, entries: map[string]bool{}, strangers: map[strangerKey]int64{}}
	if _, err := x.news(ctx); err != nil { // of the stories: shown already
		return err
	}
	x.rows = len(stories())
	w.invite(o.Out)
	fmt.Fprintf(o.Out, "What becomes of each message is shown here:\n\n%s\n", rule)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.served:
			w.served <- err // for close
			return errors.Join(errors.New("demo: the gateway ended by itself"), err)
		case <-tick.C:
		}
		rows, err := x.news(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			x.rows++
			r.print(o.Out, x.rows, o.Color)
		}
	}
}

// news lists what came since the last look, oldest first.
func (x *watcher) news(ctx context.Context) ([]row, error) {
	st := x.w.gateway.Store()
	strangers, err := st.Strangers(ctx, time.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	var rows []row
	for _, s := range strangers {
		key := strangerKey{s.Hour, s.Network}
		if s.Count > x.strangers[key] {
			rows = append(rows, strangerRow(s))
		}
		x.strangers[key] = s.Count
	}
	entries, err := st.Entries(ctx, store.Filter{})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	for i := len(entries) - 1; i >= 0; i-- { // newest first in the journal
		if e := entries[i]; !x.entries[e.ID] {
			x.entries[e.ID] = true
			rows = append(rows, rowOf(e))
		}
	}
	return rows, nil
}

// becameOf says what people see of an outcome.
var becameOf = map[store.Outcome]string{store.Relayed: "DELIVERED", store.Quarantined: "QUARANTINED", store.Refused: "REFUSED", store.Deferred: "DEFERRED",
	store.Aborted: "ABORTED", store.Uncertain: "UNCERTAIN"}

// rowOf is the row of a journal entry.
func rowOf(e store.Entry) row {
	to := make([]string, len(e.ForwardPaths))
	for i, p := range e.ForwardPaths {
		to[i] = p.String()
	}
	origin := "somebody"
	if e.OriginIP.IsValid() {
		origin = e.OriginIP.String()
	}
	r := row{
		title: fmt.Sprintf("A message from %s to %s.", cmp.Or(e.Author, "nobody who can be read"), cmp.Or(strings.Join(to, ", "), "nobody")),
		path:  throughProvider(origin, e.ReplyCode), became: becameOf[e.Outcome], reason: e.Reason, why: e.Sentence, pair: pairOf(e),
	}
	if e.Outcome == store.Relayed && e.Disposition == policy.Tag.String() {
		r.became = "TAGGED"
	}
	return r
}

// strangerRow is the row of somebody who came past the provider.
func strangerRow(s store.StrangerRow) row {
	title := "A stranger, past the MX."
	if s.Helo != "" {
		title = fmt.Sprintf("A stranger who says HELO %s, past the MX.", s.Helo)
	}
	return row{title: title, path: pastProvider(s.Network.Addr().String(), 554), became: "REFUSED", reason: string(policy.NotAdmitted), why: "Recorded: " + attempts(s) + "."}
}

func attempts(s store.StrangerRow) string {
	return fmt.Sprintf("%s from %s", count.Of(s.Count, "attempt"), s.Network)
}

// invitation is what -keep prints. Its dialogue waits for each answer, as SMTP
// must, and needs bash alone.
const invitation = `
The gateway is left running; Ctrl-C ends it and removes everything. Try, in
another terminal ("mxgate" is "go run ./cmd/mxgate" in the source tree):

  mxgate journal -config %[1]s
  mxgate strangers -config %[1]s
  mxgate quarantine list -config %[1]s
  mxgate quarantine show -config %[1]s ID
  mxgate quarantine release -config %[1]s ID

Send a message as the provider: paste this whole, then change it and paste it
again.

bash <<'END'
exec 3<>/dev/tcp/%[2]s/%[3]s
hear() { while IFS= read -r line <&3; do echo "$line"; case $line in ???-*) ;; *) break ;; esac; done; }
say() { printf '%%s\r\n' "$@" >&3; hear; }
hear
say 'EHLO mx1.provider.example'
say 'MAIL FROM:<x81@bulk.example>'
say 'RCPT TO:<bob@example.com>'
say DATA
say 'Received: from dsl-7.isp.example (dsl-7.isp.example [198.51.100.7]) by mx1.provider.example; %[4]s' \
    'From: Erika Mustermann <erika@example.com>' \
    'To: bob@example.com' \
    'Subject: Please call me' \
    '' \
    'Erika never wrote this.' \
    .
say QUIT
END

Or type the dialogue yourself, as the provider or as a stranger:

  nc -C %[2]s %[3]s
  nc -C -s 127.0.0.66 %[2]s %[3]s

(nc is missing: apt-get install netcat-openbsd. SMTP lines end in CR LF, which
is what -C is for.)

`

// invite says how to talk to a gateway that is left running.
func (w *world) invite(out io.Writer) {
	host, port, err := net.SplitHostPort(w.address)
	if err != nil {
		host, port = w.address, ""
	}
	fmt.Fprintf(out, invitation, w.config, host, port, time.Now().Format(time.RFC1123Z))
}
