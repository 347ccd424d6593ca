package wire

// Waiting counts the sessions that wait for their clients.
func (l *Listener) Waiting() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.links {
		k.mu.Lock()
		if k.waiting {
			n++
		}
		k.mu.Unlock()
	}
	return n
}
