//go:build !unix

package gateway

// lock cannot be had here: do not start two gateways on one directory.
func lock(string) (unlock func(), err error) { return func() {}, nil }
