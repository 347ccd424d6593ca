package wire

import "mxgate/gateway/wire/syntax"

func (c *Conn) mayXclient() bool {
	return c.l.cfg.MayXclient != nil && c.l.cfg.MayXclient(c.source)
}

// xclient begins the session anew, on behalf of another host. Attributes that
// it does not name stay as the last XCLIENT had them.
func (c *Conn) xclient(arg string) {
	told := c.origin
	if !c.speaksFor(&told, arg, syntax.XclientNames) {
		return
	}
	c.origin, c.forwarded = told, nil
	c.helo, c.terms, c.in.Limit = "", terms{}, 0
	c.greet()
}

// xforward says who handed in the mail of the next transaction.
func (c *Conn) xforward(arg string) {
	var told syntax.Origin
	if c.forwarded != nil {
		told = *c.forwarded
	}
	if c.speaksFor(&told, arg, syntax.XforwardNames) {
		c.forwarded = &told
		c.say(ok)
	}
}

// speaksFor reads attributes into told, or answers that it cannot be.
func (c *Conn) speaksFor(told *syntax.Origin, arg, names string) bool {
	switch {
	case !c.mayXclient():
		c.say(noProxy)
	case c.mailOpen:
		c.say(badSequence)
	case !told.Read(arg, names):
		c.say(badArgument)
	default:
		return true
	}
	return false
}
