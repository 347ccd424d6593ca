//go:build unix

package memory

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"mxgate/policy"
)

// A tool that has a memory open while it is set aside writes to that one still: what it
// says there is taken over, and nothing of it reaches the log of the new one.
func TestWhatACommandSaysWhileTheMemoryIsSetAsideIsTakenOver(t *testing.T) {
	defer func(was time.Duration) { usersWait = was }(usersWait)
	usersWait = 100 * time.Millisecond
	w := newWorld(t)
	w.learn(w.from(0, "a@partner.example"))
	w.flush()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := w.config
	c.Beside = true
	command, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(c.Dir, usersName)
	if end, ok := alone(users, 0); ok {
		end()
		t.Error("nobody waits for a command that has the memory open")
	}
	aside, err := SetAside(c.Dir, day(0)) // it has waited long enough
	if err != nil || aside == "" {
		t.Fatal(aside, err)
	}
	w.open()
	d := policy.Decision{Sender: "x.example", Target: "y.example", Allow: true, Who: "jo", Why: "ours", At: day(1)}
	if err := command.Allow(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Rescue(aside); !errors.Is(err, ErrUnread) {
		t.Errorf("while the command runs: %d, %v", n, err)
	}
	_ = command.Close() // it says what it could not do
	if _, err := w.Rescue(aside); err != nil {
		t.Errorf("when it has ended: %v", err)
	}
	if all, err := w.Decisions(t.Context()); err != nil || len(all) != 1 || all[0].Sender != "x.example" {
		t.Errorf("%+v, %v", all, err)
	}
	if left, err := Unread(c.Dir); err != nil || len(left) != 0 || exists(aside+usersSuffix) {
		t.Errorf("%q, %v", left, err)
	}
	if end, ok := alone(users, 0); !ok {
		t.Error("the new one is held by nobody")
	} else {
		end()
	}
}
