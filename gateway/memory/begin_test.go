package memory

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"mxgate/gateway/memory/digest"
)

// A gateway that starts and tools beside it may be the first ones at once.
func TestSeveralMayBeginOneMemoryAtOnce(t *testing.T) {
	top := t.TempDir()
	for round := range 8 {
		dir := filepath.Join(top, fmt.Sprint(round), "memory")
		checks := make([]string, 6)
		var wg sync.WaitGroup
		for i := range checks {
			wg.Go(func() {
				s, err := Open(Config{Dir: dir, Beside: i > 0, OnError: func(err error) { t.Error(err) }})
				if err != nil {
					t.Error(err)
					return
				}
				checks[i] = s.digester.Check()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		key, err := digest.ReadKey(dir)
		if err != nil || key == nil {
			t.Fatalf("%d octets, %v", len(key), err)
		}
		for _, check := range checks {
			if check != digest.New(key, nil).Check() {
				t.Errorf("round %d: keys %q", round, checks)
			}
		}
	}
}
