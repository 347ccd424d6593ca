//go:build !(darwin || dragonfly || freebsd || linux)

package disk

import "math"

func space(string) (free, total uint64, err error) { return math.MaxUint64, math.MaxUint64, nil }
