package gateway

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// A wait that was served for one message must not serve for another: the sender
// chooses reverse-path, Message-ID and Date.
func TestAWaitIsServedForOneMessageOnly(t *testing.T) {
	const ids = "Message-ID: <1@x.example>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n"
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	message := func(author, ip, header, body string) (*mail.Transaction, *policy.Evidence) {
		text := header + "From: " + author + "\r\n" + ids + "\r\n" + body + "\r\n"
		m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		return &mail.Transaction{Message: m}, &policy.Evidence{Author: policy.Author{Address: author}, Origin: policy.Origin{IP: ip}}
	}
	w := newWaiting()
	tx, e := message("ceo@v1.example", "192.0.2.1", "", "one")
	w.deferred(tx, e, now)
	later := now.Add(time.Hour)
	for _, c := range []struct {
		name                     string
		author, ip, header, body string
		want                     time.Duration
	}{
		{"the same message", "ceo@v1.example", "192.0.2.1", "", "one", time.Hour},
		{"the same message with another trace", "ceo@v1.example", "192.0.2.1", "Received: by mx2.provider.example; x\r\n", "one", time.Hour},
		{"another author", "ceo@v2.example", "192.0.2.1", "", "one", 0},
		{"another origin", "ceo@v1.example", "192.0.2.2", "", "one", 0},
		{"another body", "ceo@v1.example", "192.0.2.1", "", "two", 0},
	} {
		tx, e := message(c.author, c.ip, c.header, c.body)
		if before, got := w.waited(tx, e, later); got != c.want || before != (c.want > 0) {
			t.Errorf("%s: waited %s, want %s", c.name, got, c.want)
		}
	}
	tx, other := message("ceo@v1.example", "192.0.2.1", "", "one")
	other.ForwardPaths = []string{"carol@example.com"}
	if before, got := w.waited(tx, other, later); got != 0 || before {
		t.Errorf("another recipient: waited %s", got)
	}
	if before, got := w.waited(tx, e, now.Add(waitingEnds+time.Hour)); got != 0 || before {
		t.Errorf("after it was given up by any client: %s", got)
	}
}

// What was deferred through us alone has not waited for anybody's DNS.
func TestAHurriedMessageHasNotWaited(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	const text = "From: a@x.example\r\n\r\nx\r\n"
	m, err := mail.ParseMessage(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	tx, w := &mail.Transaction{Message: m}, newWaiting()
	for i, step := range []struct {
		hurried bool
		before  bool // whether it was known before the step, and how long it had waited
		waited  time.Duration
	}{{true, false, 0}, {true, true, 0}, {false, true, 0}, {true, true, time.Hour}, {false, true, 2 * time.Hour}} {
		at := now.Add(time.Duration(i) * time.Hour)
		e := &policy.Evidence{Hurried: step.hurried}
		if before, waited := w.waited(tx, e, at); before != step.before || waited != step.waited {
			t.Errorf("step %d: %v, %v; want %+v", i, before, waited, step)
		}
		w.deferred(tx, e, at)
	}
}

func TestWaitingForgetsTheOlderHalfWhenFull(t *testing.T) {
	w := newWaiting()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := range mostWaiting + 10 {
		w.all[uint64(i)] = wait{first: now.Add(time.Duration(i) * time.Second)}
	}
	w.forgetOlderHalf()
	if len(w.all) > mostWaiting/2+10 || len(w.all) < mostWaiting/4 {
		t.Errorf("%d of %d are left", len(w.all), mostWaiting+10)
	}
	if _, ok := w.all[mostWaiting+9]; !ok {
		t.Error("the newest was forgotten")
	}
}
