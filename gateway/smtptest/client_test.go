package smtptest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func play(t *testing.T, s *Sink, turns []Turn, cut Cut) Heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	heard, err := Play(ctx, s.Target(), turns, cut)
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

func TestPlayDeliversALetter(t *testing.T) {
	for _, pipelined := range []bool{false, true} {
		s := start(t, Options{})
		turns := letter.Turns(pipelined)
		if pipelined { // a server may see DATA and content in one read; this Sink must not
			turns[1].Say = strings.TrimSuffix(turns[1].Say, "DATA\r\n")
			turns[1].Replies--
			turns = slices.Insert(turns, 2, Turn{Say: "DATA\r\n", Replies: 1})
		}
		heard := play(t, s, turns, Cut{})
		if heard.Content != "250 2.0.0 taken" || heard.Answer() != heard.Content || heard.Said != Octets(turns) || heard.Replies[len(heard.Replies)-1] != "221 2.0.0 bye" {
			t.Errorf("%+v", heard)
		}
		got := s.Messages()
		if len(got) != 1 || string(got[0].Content) != string(letter.Content) || got[0].ReversePath != letter.ReversePath || !slices.Equal(got[0].ForwardPaths, letter.ForwardPaths) {
			t.Errorf("%+v", got)
		}
		if v := s.Violations(); len(v) > 0 {
			t.Error(v)
		}
	}
}

func TestPlayEndsWithARefusal(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Step: Rcpt, Kind: Permanent}}})
	heard := play(t, s, letter.Turns(false), Cut{})
	if heard.Answer() != permanent || heard.Content != "" {
		t.Errorf("%+v", heard)
	}
	if commands := s.Commands(); commands[len(commands)-1] != "DATA" {
		t.Errorf("it went on: %q", commands)
	}
	if got := (Heard{Replies: []string{"220 hello", "250 ok"}}).Answer(); got != "" {
		t.Errorf("no answer is %q", got)
	}
}

// What the Sink has read is what the client has said, wherever it is cut.
func TestPlayIsCutAtEveryOctet(t *testing.T) {
	turns := letter.Turns(false)
	whole := ""
	for _, turn := range turns {
		whole += turn.Say
	}
	dot := strings.Index(whole, "\r\n.\r\n") + len("\r\n.\r\n")
	for n := 1; n <= len(whole); n++ {
		for _, end := range []End{HangUp, HalfClose} {
			s := start(t, Options{})
			heard := play(t, s, turns, Cut{After: n, End: end})
			if heard.Said != n {
				t.Fatalf("cut at %d: said %d", n, heard.Said)
			}
			s.listener.Close()
			s.running.Wait() // until the Sink has seen the end
			if want := map[bool]int{true: 1}[n >= dot]; s.Count() != want {
				t.Errorf("cut at %d, %s: %d messages", n, end, s.Count())
			}
			if end == HalfClose && n >= dot && heard.Content != "250 2.0.0 taken" {
				t.Errorf("cut at %d: half closed, it heard %+v", n, heard)
			}
		}
	}
}

func TestPlayResetsAndIsSlow(t *testing.T) {
	turns := letter.Turns(false)
	s := start(t, Options{})
	play(t, s, turns, Cut{After: 20, End: Abandon})
	s.listener.Close()
	s.running.Wait()
	if s.Connections() != 1 || s.Count() != 0 {
		t.Errorf("%d connections, %d messages", s.Connections(), s.Count())
	}
	s = start(t, Options{})
	began := time.Now()
	heard := play(t, s, turns, Cut{Slow: Octets(turns), Pause: 20 * time.Microsecond})
	if heard.Content == "" || time.Since(began) < time.Duration(Octets(turns))*20*time.Microsecond {
		t.Errorf("%s: %+v", time.Since(began), heard)
	}
}

func TestPlayWaitsUntilReady(t *testing.T) {
	s := start(t, Options{})
	ready, over := make(chan struct{}), make(chan Heard)
	go func() { // ends with the session
		heard, _ := Play(context.Background(), s.Target(), letter.Turns(false), Cut{After: 5, Ready: ready})
		over <- heard
	}()
	select {
	case <-over:
		t.Fatal("it did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(ready)
	<-over
}

func TestPlayTellsWhatIsNotTheServers(t *testing.T) {
	s := start(t, Options{Faults: []Fault{{Step: Connect, Kind: Refuse}}})
	if _, err := Play(t.Context(), s.Target(), nil, Cut{}); err == nil {
		t.Error("nobody listens, and no error")
	}
	s = start(t, Options{Faults: []Fault{{Step: Banner, Kind: Mute}}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Play(ctx, s.Target(), letter.Turns(false), Cut{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
