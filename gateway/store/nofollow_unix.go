//go:build unix

package store

import "syscall"

// noFollow has open(2) refuse a symbolic link.
const noFollow = syscall.O_NOFOLLOW
