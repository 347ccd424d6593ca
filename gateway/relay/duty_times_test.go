package relay

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

func TestDuty_M2_Relay(t *testing.T) {
	tests := []struct {
		step smtptest.Step
		want time.Duration
	}{
		{smtptest.Banner, 300 * time.Second},
		{smtptest.Hello, 300 * time.Second},
		{smtptest.Mail, 300 * time.Second},
		{smtptest.Rcpt, 300 * time.Second},
		{smtptest.Data, 120 * time.Second},
		// The pipe holds nothing: the first block is stuck, and a refusal is
		// looked for.
		{smtptest.InContent, 180*time.Second + earlyTimeout},
	}
	for _, tt := range tests {
		t.Run(string(tt.step), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// One by one, so that it is silence that answers.
				_, p := inMemory(t, smtptest.Options{Extensions: []string{"HELP"}, Faults: []smtptest.Fault{{Step: tt.step, Kind: smtptest.Mute}}}, nil)
				start := time.Now()
				d, err := p.Open(t.Context(), routeTo(nextHop), mail.Client{}, envelope(t))
				if err == nil {
					_, err = d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN)
				}
				if err == nil {
					_, err = d.Send(t.Context(), bytes.NewReader(large()))
				}
				wantClass(t, err, Lost)
				if took := time.Since(start); took != tt.want {
					t.Errorf("%v", took)
				}
			})
		})
	}
}

// A reply that comes after nine minutes is one; later it is not known what it was.
func TestDuty_M3_Relay(t *testing.T) {
	for _, tt := range []struct {
		after, limit time.Duration // limit: of the caller, who has spent time before
		uncertain    bool
	}{
		{539 * time.Second, time.Hour, false},
		{541 * time.Second, time.Hour, true},
		{470 * time.Second, 480 * time.Second, false},
		{490 * time.Second, 480 * time.Second, true},
	} {
		for _, content := range []string{content, strings.Repeat(content, 10_000)} {
			t.Run(fmt.Sprint(tt.after, " of ", tt.limit, " ", len(content)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, p := inMemory(t, smtptest.Options{Faults: []smtptest.Fault{{Step: smtptest.FinalDone, Kind: smtptest.Delay, Pause: tt.after}}}, nil)
					d := openWithin(t, p)
					ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
					defer cancel()
					start := time.Now()
					reply, err := d.Send(ctx, text(content))
					if !tt.uncertain {
						if err != nil || !reply.Positive() {
							t.Errorf("%v, %v", reply, err)
						}
						return
					}
					if f := wantClass(t, err, Uncertain); !f.AfterDot {
						t.Error("not said to be uncertain")
					}
					if took := time.Since(start); took != min(540*time.Second, tt.limit) {
						t.Errorf("%v", took)
					}
					s.Close()
				})
			})
		}
	}
}

// openWithin opens a Delivery to nextHop with one recipient accepted.
func openWithin(t *testing.T, p *Pool) *Delivery {
	t.Helper()
	d := openInMemory(t, p)
	if reply, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil || !reply.Positive() {
		t.Fatalf("%v, %v", reply, err)
	}
	return d
}

// A next hop that takes an octet now and then gets as long as each block takes,
// and no longer: every write has its own limit.
func TestDuty_M2_Relay_each_block_has_its_own_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := inMemory(t, smtptest.Options{MidContent: func(octets int) (string, bool) {
			if octets%(80<<10) == 0 {
				time.Sleep(170 * time.Second)
			}
			return "", false
		}}, nil)
		d := openWithin(t, p)
		body := bytes.Repeat([]byte(strings.Repeat("x", 78)+"\r\n"), 4<<10)
		start := time.Now()
		if reply, err := d.Send(t.Context(), bytes.NewReader(body)); err != nil || !reply.Positive() {
			t.Errorf("%v, %v after %v", reply, err, time.Since(start))
		}
		if took := time.Since(start); took < 600*time.Second {
			t.Errorf("only %v", took)
		}
	})
}
