//go:build !race

package thread

const raced = false
