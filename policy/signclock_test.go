package policy

import (
	"time"
	_ "unsafe" // for go:linkname
)

// signingClock is the clock of the library that signs. What is signed a day after it
// arrived is not believed, and the messages of these tests arrive on one day for ever:
// they are signed then, too.
//
//go:linkname signingClock github.com/emersion/go-msgauth/dkim.now
var signingClock func() time.Time

func init() { signingClock = func() time.Time { return at } }
