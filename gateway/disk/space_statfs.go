//go:build darwin || dragonfly || freebsd || linux

package disk

import "syscall"

func space(dir string) (free, total uint64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	block := uint64(fs.Bsize)
	// On the BSDs it is signed, and negative once root writes on a full disk.
	return uint64(max(int64(fs.Bavail), 0)) * block, uint64(fs.Blocks) * block, nil
}
