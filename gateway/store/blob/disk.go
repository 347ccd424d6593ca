package blob

import (
	"io"
	"os"

	"mxgate/gateway/fault"
)

// Disk is what Put needs of the file system. It stands here so that tests can
// let each step fail.
type Disk interface {
	Create(path string) (File, error) // a new file of mode 0600
	Rename(from, to string) error
	SyncDir(path string) error // makes the entries of a directory durable
}

// File is a file being written.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// osDisk is the real file system.
type osDisk struct{}

func (osDisk) Create(path string) (File, error) {
	if err := fault.Err(fault.BlobCreate); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) Rename(from, to string) error {
	if err := fault.Err(fault.BlobRename); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}
