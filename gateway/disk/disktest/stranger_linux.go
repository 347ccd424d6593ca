package disktest

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// AsUser has the files of the rest of the test opened as the user uid; only this
// goroutine does so. Without root the test is skipped.
func AsUser(t *testing.T, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may be another user")
	}
	runtime.LockOSThread() // the file system's user is a thread's
	if err := syscall.Setfsuid(uid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}
