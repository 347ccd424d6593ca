package relay

import (
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
)

// deadlines is a connection that notes how far away each of its deadlines was.
type deadlines struct {
	net.Conn
	set []time.Duration
}

func (d *deadlines) SetDeadline(by time.Time) error {
	d.set = append(d.set, time.Until(by))
	return d.Conn.SetDeadline(by)
}

// What stays may be early by a 64th of its time, and never late.
func TestConn_keeps_a_deadline_that_was_just_set(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		nc := &deadlines{Conn: ours}
		c := newConn(nc, &host{})
		for _, step := range []struct {
			after, timeout time.Duration
			look           bool // whether it is quiet, which may lift a deadline
		}{
			{after: 0, timeout: 64 * time.Second},
			{after: time.Second, timeout: 64 * time.Second}, // stays
			{after: time.Millisecond, timeout: 64 * time.Second},
			{after: 0, timeout: 500 * time.Millisecond},
			{after: 0, timeout: 500 * time.Millisecond, look: true},
			{after: 0, timeout: 64 * time.Second},
			{after: 0, timeout: 64 * time.Second, look: true}, // stays
		} {
			time.Sleep(step.after)
			if step.look && !c.quiet() {
				t.Error("taken for lost")
			}
			if err := c.arm(t.Context(), step.timeout); err != nil {
				t.Fatal(err)
			}
		}
		const short, long = 500 * time.Millisecond, 64 * time.Second
		if want := []time.Duration{long, long, short, short, long}; !slices.Equal(nc.set, want) {
			t.Errorf("%v, want %v", nc.set, want)
		}
	})
}

// The second connection of a message ends with the caller's patience, too.
func TestReplay_ends_with_its_caller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := inMemory(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.Mail, Kind: smtptest.Mute, Nth: 2}}}, patient)
		d := openInMemory(t, p)
		if _, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil {
			t.Fatal(err)
		}
		s.Drop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := d.Send(ctx, text(content))
		if took := time.Since(start); err == nil || took > time.Minute || s.Connections() != 2 {
			t.Errorf("%v after %v, %d connections", err, took, s.Connections())
		}
	})
}
