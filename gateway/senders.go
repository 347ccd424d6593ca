package gateway

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"mxgate/policy/mail"
)

// maxSenders bounds the memory of senders; beyond it everybody starts anew.
const maxSenders = 1 << 16

// senders bounds how many transactions one reverse-path may begin in a minute,
// so that one mad sender does not fill the next hop. The null reverse-path is
// that of everybody and has no bound. SMTP-DUTIES V7.
type senders struct {
	perMinute int // 0: no bound

	mu    sync.Mutex
	seed  maphash.Seed
	began map[uint64]int
	until time.Time // the end of the minute that began counts
}

func newSenders(perMinute int) *senders {
	return &senders{perMinute: perMinute, seed: maphash.MakeSeed(), began: map[uint64]int{}}
}

// may charges one transaction to sender and reports whether it may begin.
func (s *senders) may(sender mail.Address, now time.Time) bool {
	if s.perMinute == 0 || sender.IsNull() {
		return true
	}
	key := maphash.String(s.seed, strings.ToLower(sender.String()))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.until) || now.Before(s.until.Add(-time.Minute)) || len(s.began) >= maxSenders {
		clear(s.began)
		s.until = now.Add(time.Minute)
	}
	s.began[key]++
	return s.began[key] <= s.perMinute
}
