package wire

// SetSpace replaces the question how much is free for the spool.
func (l *Listener) SetSpace(f func(dir string) (uint64, error)) { l.space = f }

// Resting reports whether the next Close gives the client back to attend.
func (c *Conn) Resting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resting
}
