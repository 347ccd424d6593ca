package systemd

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// inherit makes a listener of a descriptor, which is closed: the listener has its
// own.
func inherit(descriptor int) (net.Listener, error) {
	syscall.CloseOnExec(descriptor)
	f := os.NewFile(uintptr(descriptor), "")
	defer f.Close()
	listens, err := syscall.GetsockoptInt(descriptor, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if listens == 0 {
		return nil, errors.New("not a listening socket: expected Accept=no in the unit")
	}
	return net.FileListener(f)
}

// monotonic reads CLOCK_MONOTONIC, which systemd compares with its own.
func monotonic() (time.Duration, error) {
	const clockMonotonic = 1
	var now syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		return 0, os.NewSyscallError("clock_gettime", errno)
	}
	return time.Duration(now.Nano()), nil
}
