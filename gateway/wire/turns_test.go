package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/wire"
)

// crowd opens as many transactions as may be open at once.
func crowd(t *testing.T, p *pipes) []*client {
	t.Helper()
	open := make([]*client, wire.AtOnce())
	for i := range open {
		open[i] = p.open(t)
		open[i].mail()
	}
	return open
}

func TestATransactionWaitsWhileTheProcessorsAreBusy(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		s.l.SetBusy(func() bool { return true })
		open := crowd(t, p)
		var late []*client
		for i := range 3 {
			c := p.open(t)
			late = append(late, c)
			c.send(fmt.Sprintf("MAIL FROM:<late%d@client.example>\r\n", i))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		mails := func() (froms []string) {
			for _, e := range s.seen() {
				if i := strings.Index(e, "late"); i >= 0 {
					froms = append(froms, e[i:i+len("late0")])
				}
			}
			return froms
		}
		if got := mails(); len(got) != 0 {
			t.Fatalf("%q began beside %d others", got, len(open))
		}
		open[0].send(".\r\n")
		open[0].expect("250")
		late[0].expect("250")
		// Who has given its turn back waits like the others, behind them.
		open[0].send("MAIL FROM:<late3@client.example>\r\n")
		synctest.Wait()
		open[1].send("\r\n.\r\nQUIT\r\n")
		open[1].expect("250", "221", "EOF")
		late[1].expect("250")
		late[0].send("RSET\r\n")
		late[0].expect("250")
		late[2].expect("250")
		late[1].send("QUIT\r\n")
		late[1].expect("221", "EOF")
		open[0].expect("250")
		if got := mails(); !slices.Equal(slices.Compact(got), []string{"late0", "late1", "late2", "late3"}) {
			t.Errorf("began in the order %q", got)
		}
		if n := s.l.Stats().Paced; n != 4 {
			t.Errorf("Paced is %d; expected 4", n)
		}
	})
}

func TestNobodyWaitsLongForATurn(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		var idle atomic.Bool
		s.l.SetBusy(func() bool { return !idle.Load() })
		crowd(t, p)
		begin := time.Now()
		c := p.open(t)
		c.send("MAIL FROM:<a@client.example>\r\n")
		c.expect("250")
		after(t, begin, wire.MaxTurnWait)

		begin = time.Now()
		c = p.open(t)
		c.send("MAIL FROM:<b@client.example>\r\n")
		time.Sleep(105 * time.Millisecond)
		idle.Store(true)
		c.expect("250")
		after(t, begin, 110*time.Millisecond)

		begin = time.Now()
		c = p.open(t)
		c.send("MAIL FROM:<c@client.example>\r\n")
		c.expect("250")
		after(t, begin, 0)
	})
}

// Transactions that wait for their clients or next hops hold turns and no
// processor: the others follow each other without a tick between them.
func TestATurnIsPassedOnWhileThereAreProcessors(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		var busy atomic.Bool
		s.l.SetBusy(busy.Load)
		crowd(t, p)
		passing := p.open(t) // one more, as there are processors
		passing.mail()
		busy.Store(true)
		waits := p.open(t)
		begin := time.Now()
		waits.send("MAIL FROM:<late@client.example>\r\n")
		synctest.Wait()
		busy.Store(false)
		passing.send(".\r\n")
		passing.expect("250")
		waits.expect("250")
		after(t, begin, 0)
	})
}

func TestATurnIsGivenBackHoweverATransactionEnds(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		s.l.SetBusy(func() bool { return true })
		for _, end := range []string{"RSET\r\n", "EHLO again.example\r\n", "QUIT\r\n", "refuse", "gone"} {
			for range wire.AtOnce() + 1 { // one turn less for each that is not given back
				c := p.open(t)
				begin := time.Now()
				if end == "refuse" {
					c.send("MAIL FROM:<refuse@client.example>\r\n")
					c.expect("550")
					after(t, begin, 0)
					continue
				}
				c.send("MAIL FROM:<a@client.example>\r\n")
				c.expect("250")
				after(t, begin, 0)
				if end == "gone" {
					_ = c.Close()
				} else {
					c.send(end)
					c.expect("2")
				}
				synctest.Wait()
			}
		}
	})
}
