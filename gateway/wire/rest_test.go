package wire_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxgate/gateway/wire"
)

// lent counts the sessions that go-smtp serves.
func lent() int {
	all := make([]byte, 1<<20)
	return strings.Count(string(all[:runtime.Stack(all, true)]), "go-smtp.(*Server).handleConn(")
}

func TestAClientIsLentForItsTransactionsOnly(t *testing.T) {
	inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
		c := p.open(t)
		begin := time.Now()
		for range 3 {
			synctest.Wait()
			if n := lent(); n != 0 {
				t.Errorf("go-smtp has %d before MAIL", n)
			}
			c.mail()
			time.Sleep(10 * time.Second)
			if n := lent(); n != 1 {
				t.Errorf("go-smtp has %d in a transaction", n)
			}
			c.send(".\r\n")
			c.expect("250 2.0.0 Taken")
			time.Sleep(900 * time.Millisecond)
			if n := lent(); n != 1 {
				t.Errorf("go-smtp has %d of those that go on", n)
			}
			c.send("RSET\r\nMAIL FROM:<a@client.example>\r\nRSET\r\nNOO")
			c.expect("250", "250", "250")
			time.Sleep(2 * time.Second)
			c.send("P\r\n") // of a line that began with go-smtp
			c.expect("250")
		}
		after(t, begin, 3*12900*time.Millisecond)
		begin = time.Now()
		c.expect("421 4.4.2", "EOF") // once, however often it was passed on
		after(t, begin, 300*time.Second)
		if got := s.seen(); len(got) != 15 {
			t.Errorf("at the gate %q", got)
		}
	})
}

func TestAPassedOnLineHasTheTimeOfOneLine(t *testing.T) {
	inTime(t, nil, func(t *testing.T, _ *server, p *pipes) {
		c := p.open(t)
		c.mail()
		c.send(".\r\n")
		c.expect("250")
		begin := time.Now()
		c.expect("421 4.4.2", "EOF")
		after(t, begin, 300*time.Second)
	})
}

// A client that is silent in the middle of a line that is too long is passed on, and
// what it sends then is no line of its own.
func TestAPassedOnLineThatIsTooLongStaysOne(t *testing.T) {
	for _, octets := range []int{600, 3000} {
		inTime(t, nil, func(t *testing.T, s *server, p *pipes) {
			c := p.open(t)
			c.mail()
			c.send(".\r\n")
			c.expect("250")
			before := len(s.seen())
			c.send("NOOP " + strings.Repeat("x", octets))
			time.Sleep(2 * time.Second)
			c.send("MAIL FROM:<second@client.example>\r\nNOOP\r\n")
			c.expect("500 5.5.2", "250 2.0.0")
			if got := s.seen(); len(got) != before {
				t.Errorf("at the gate %q", got[before:])
			}
		})
	}
}

// go-smtp closes what it gives back, and any other goroutine may close it meanwhile.
// Whoever is first has the session go on, with nobody else at it; the second ends it.
func TestAClientThatIsGivenBackMayBeClosedByAnyone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		l, err := wire.NewListener(wire.Config{Hostname: hostname, Admit: admitAll, SpoolDir: t.TempDir()}, wire.Socket{Listener: p})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := p.open(t)
		c.send("MAIL FROM:<refused@client.example>\r\n")
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		given, over := conn.(*wire.Conn), make(chan struct{})
		go func() { // is go-smtp
			var commands [100]byte
			if n, err := given.Read(commands[:]); n == 0 || err != nil {
				t.Errorf("%d octets of MAIL, %v", n, err)
			}
			io.WriteString(given, "220 hello\r\n250 hello\r\n550 5.1.0 no\r\n")
			if n, err := given.Read(commands[:]); n > 0 || err != io.EOF {
				t.Errorf("%d octets of silence, %v", n, err)
			}
			<-over
			given.Close()
		}()
		c.expect("550")
		for !given.Resting() {
			time.Sleep(time.Millisecond)
		}
		given.Close()
		c.send("NOOP\r\n")
		c.expect("250")
		close(over)
		c.expect("EOF")
	})
}

// What an idle session may cost; go-smtp's buffers alone are 8 KiB.
const maxIdleOctets = 13 << 10

func TestAnIdleSessionIsSmall(t *testing.T) {
	const sessions = 300
	s := start(t, func(cfg *wire.Config) { cfg.MaxConns, cfg.MaxConnsPerSource = sessions, sessions })
	each := sessionOctets(t, s, sessions, []string{"EHLO client.example\r\n", "NOOP\r\n"}, "", s.l.Waiting)
	if t.Logf("%d octets each, with the client's end", each); each > maxIdleOctets {
		t.Errorf("more than %d", maxIdleOctets)
	}
}

// What a session may cost that stalls in the middle of a small message: a block
// of 8 KiB to read into and one for what came, go-smtp's buffers and stack, and
// ours. Two blocks of 64 KiB were the rule once.
const maxStalledOctets = 40 << 10

// toContent are the commands before content.
var toContent = []string{"EHLO client.example\r\n", "MAIL FROM:<a@client.example>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n"}

func TestASessionThatStallsInContentIsSmall(t *testing.T) {
	const sessions = 100
	s := start(t, func(cfg *wire.Config) { cfg.MaxConns, cfg.MaxConnsPerSource = sessions, sessions })
	each := sessionOctets(t, s, sessions, toContent, strings.Repeat("x", 4000), s.l.Waiting)
	if t.Logf("%d octets each, with the client's end", each); each > maxStalledOctets {
		t.Errorf("more than %d", maxStalledOctets)
	}
}

// What is read into is given back when content has come whole: what comes of it
// may take long.
func TestASessionWhoseContentIsJudgedReadsIntoNothing(t *testing.T) {
	const sessions = 100
	s := start(t, func(cfg *wire.Config) { cfg.MaxConns, cfg.MaxConnsPerSource = sessions, sessions })
	var judged atomic.Int64
	over := make(chan struct{})
	defer close(over)
	s.handling = func(context.Context) {
		judged.Add(1)
		<-over
	}
	each := sessionOctets(t, s, sessions, toContent, "x\r\n.\r\n", func() int { return int(judged.Load()) })
	if t.Logf("%d octets each, with the client's end", each); each > maxStalledOctets-(8<<10) {
		t.Errorf("more than %d", maxStalledOctets-(8<<10))
	}
}

// sessionOctets opens so many sessions, has each wait for the answer to each of
// commands and send rest, and returns what one costs, both ends together, once
// settled counts all of them.
func sessionOctets(t *testing.T, s *server, sessions int, commands []string, rest string, settled func() int) int64 {
	inUse := func() int64 {
		runtime.GC()
		runtime.GC() // the first spares what is in pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before, want := inUse(), s.l.Stats().OctetsIn
	var buf [1024]byte
	var conns []net.Conn
	for range sessions {
		conn, err := net.Dial("tcp", s.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conns = append(conns, conn)
		for _, command := range commands {
			if _, err := conn.Read(buf[:]); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, command); err != nil {
				t.Fatal(err)
			}
			want += int64(len(command))
		}
		if _, err := conn.Read(buf[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, rest); err != nil {
			t.Fatal(err)
		}
		want += int64(len(rest))
	}
	for s.l.Stats().OctetsIn < want || settled() < sessions {
		runtime.Gosched()
	}
	used := max(0, inUse()-before) // what tests before this one had may be free only now
	runtime.KeepAlive(conns)
	return used / int64(sessions)
}
