package wire

// SetSpace replaces the question how much is free for the spool.
func (l *Listener) SetSpace(f func(dir string) (uint64, error)) { l.space = f }
