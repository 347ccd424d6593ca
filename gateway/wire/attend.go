package wire

import "time"

// restAfter is how long a client of go-smtp is silent before it is taken back.
const restAfter = time.Second

// attend answers the client as long as no transaction is open, and lends it to
// go-smtp with MAIL. Sessions are idle most of the time, and go-smtp's buffers
// would be most of what an idle one costs. A client that goes on with another
// transaction stays with go-smtp: see rest.
func (c *Conn) attend() {
	lent := false
	defer func() {
		if lent {
			return
		}
		if !c.over { // a panic, which serve contains
			c.stop(internalDisorder, "error")
		}
		c.flush()
		_ = c.Close()
	}()
	for !c.over && len(c.line) == 0 {
		c.step()
	}
	if c.over {
		return
	}
	c.lent, c.unheard = true, 2
	c.line = append(append([]byte(nil), forServer["HELO"]...), c.line...)
	select {
	case c.l.ready <- c:
		lent = true
	case <-c.l.done: // the server is gone
		c.finish("cut")
	}
}

// rest ends what go-smtp reads, but not the connection: the Close that follows
// takes the client back. From here on go-smtp's goroutine leaves c alone.
func (c *Conn) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lent, c.resting = false, true
}

// rested reports, once, whether the Close is that after rest.
func (c *Conn) rested() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	resting := c.resting
	c.resting = false
	return resting
}

// takeTurn is what a transaction begins with. A client that go-smtp has goes on
// without waiting: if others waited, it would have been taken back.
func (c *Conn) takeTurn() {
	if c.lent {
		c.l.turns.join()
	} else if c.l.turns.take() {
		c.l.stats.paced.Add(1)
	}
	c.turn.Store(true)
}

// giveTurn gives the turn back, if c has it, and reports whether somebody waits
// for one.
func (c *Conn) giveTurn() (wanted bool) {
	return c.turn.Swap(false) && c.l.turns.give()
}
