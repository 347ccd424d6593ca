package framing

import "syscall"

// reserve maps memory that the system gives when it is touched.
func reserve(octets int) []byte {
	if b, err := syscall.Mmap(-1, 0, octets, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE); err == nil {
		return b
	}
	return make([]byte, octets) // a system that maps nothing more: the heap has room or the process ends
}

// relinquish gives the memory behind b to the system until it is touched again,
// and then it is empty. b came from reserve.
func relinquish(b []byte) {
	_ = syscall.Madvise(b, syscall.MADV_DONTNEED) // else it stays
}
