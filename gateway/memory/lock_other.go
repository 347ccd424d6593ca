//go:build !unix

package memory

import "time"

// serving cannot be told here: tools hand everything over, and wait for a server.
func serving(string) (unlock func()) { return func() {} }

func tryLock(string) (unlock func(), ok bool) { return func() {}, false }

func using(string, bool) (end func()) { return func() {} }

func alone(string, time.Duration) (end func(), ok bool) { return func() {}, true }

var usersWait = time.Duration(0)
