// Package disk says how much room a file system has. It knows no limits: who
// asks decides what is too little.
package disk

// Free is how many octets an unprivileged process may still write below dir,
// and math.MaxUint64 where the system cannot be asked: a full disk then shows
// when it is written to.
func Free(dir string) (uint64, error) {
	free, _, err := space(dir)
	return free, err
}

// Total is the size of the file system of dir in octets; math.MaxUint64 as above.
func Total(dir string) (uint64, error) {
	_, total, err := space(dir)
	return total, err
}
