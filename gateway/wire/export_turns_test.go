package wire

// SetBusy replaces the question whether the processors are busy.
func (l *Listener) SetBusy(f func() bool) { l.turns.busy = f }

// AtOnce is how many transactions may be open whatever the processors do.
func AtOnce() int { return atOnce() }

// MaxTurnWait is how long a transaction waits for its turn.
const MaxTurnWait = maxTurnWait
