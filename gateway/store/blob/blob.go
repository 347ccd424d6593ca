// Package blob keeps the content of messages as files, one per ID.
//
// Put returning nil means that the file is durable under its name with all its
// bytes: written aside, fsynced, renamed, both directories fsynced. It never
// replaces a file. Open hands out only what still has the size and the SHA-256
// it was put with. Which files are wanted is the caller's knowledge (Sweep).
//
// Layout below the root, which belongs to one user:
//
//	blobs/ab/ID.eml  ab is from the hash of the ID: IDs made from the time begin alike
//	tmp/ID.eml       being written; the same file system as blobs/
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	point "mxgate/gateway/fault"
)

// maxIDOctets bounds an ID, which becomes a file name.
const maxIDOctets = 64

var (
	// ErrFull says that the file system has no room.
	ErrFull = errors.New("no room left in the data directory")
	// ErrNotWritable says that a write failed for another reason.
	ErrNotWritable = errors.New("store not writable")
	// ErrBadID says that an ID is not 1 to 64 letters, digits and hyphens.
	ErrBadID = errors.New("not a transaction ID")
	// ErrExists says that there is something with this ID already.
	ErrExists = errors.New("the ID is taken")
	// ErrCorrupt says that content is not, or is no longer, what was received.
	ErrCorrupt = errors.New("content is not what was received")
)

// Fault wraps the error of a write with what was done, and with ErrFull or
// ErrNotWritable, which decide the reply: 452 4.3.1 or 451 4.3.0. nil stays nil.
func Fault(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFull), errors.Is(err, ErrNotWritable):
		return fmt.Errorf("store: %s: %w", op, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("store: %s: %w: %w", op, ErrFull, err)
	}
	return fmt.Errorf("store: %s: %w: %w", op, ErrNotWritable, err)
}

// CheckID guards the file system: an ID is a file name and nothing else.
func CheckID(id string) error {
	ok := len(id) > 0 && len(id) <= maxIDOctets
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return fmt.Errorf("store: %w: %.80q", ErrBadID, id)
	}
	return nil
}

// Sum identifies content.
type Sum struct {
	Size   int64
	SHA256 string // lower-case hex
}

// Dir is the place of the files. It is safe for concurrent use, also by several
// processes.
type Dir struct {
	root string
	disk Disk

	mu      sync.Mutex
	writing map[string]bool // IDs in Put: Sweep leaves their files alone
}

// New uses root, creating what is missing in it. disk is nil outside tests.
func New(root string, disk Disk) (*Dir, error) {
	if disk == nil {
		disk = osDisk{}
	}
	d := &Dir{root: root, disk: disk, writing: make(map[string]bool)}
	if err := d.makeDir(root); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.tmp(), 0o700); err != nil {
		return nil, err
	}
	// All of them now, so that no message has to wait for a directory to be durable.
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(root, "blobs", hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil {
			return nil, err
		}
	}
	for _, path := range []string{filepath.Join(root, "blobs"), root} {
		if err := disk.SyncDir(path); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// makeDir creates a directory and its parents where they are missing, durably:
// what lies in a directory is lost with its entry.
func (d *Dir) makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	parent := filepath.Dir(path)
	if errors.Is(err, os.ErrNotExist) && parent != path {
		if err := d.makeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, os.ErrExist) {
		return nil // if it is no directory, the next step says so
	}
	if err != nil {
		return err
	}
	return d.disk.SyncDir(parent)
}

func (d *Dir) tmp() string { return filepath.Join(d.root, "tmp") }

// Path is where the content of an ID lies.
func (d *Dir) Path(id string) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(d.root, "blobs", hex.EncodeToString(sum[:1]), id+".eml")
}

// Put makes content, read to its end, durable under a new ID. want is compared
// with it where it is not zero. On error no file is left.
//
// Errors: ErrFull, ErrNotWritable, ErrBadID, ErrExists, ErrCorrupt (content is
// not want), those of content and ctx.
func (d *Dir) Put(ctx context.Context, id string, content io.Reader, want Sum) (Sum, error) {
	if err := CheckID(id); err != nil {
		return Sum{}, err
	}
	if !d.enter(id) {
		return Sum{}, fmt.Errorf("store: %s: %w", id, ErrExists)
	}
	defer d.leave(id)
	tmp, final := filepath.Join(d.tmp(), id+".eml"), d.Path(id)
	if _, err := os.Lstat(final); err == nil { // rename would replace it
		return Sum{}, fmt.Errorf("store: %s: %w: %s", id, ErrExists, final)
	}
	sum, err := d.writeTemp(ctx, tmp, content, want)
	if err != nil {
		return Sum{}, err
	}
	if err := d.disk.Rename(tmp, final); err != nil {
		os.Remove(tmp)
		return Sum{}, Fault("content", err)
	}
	for _, path := range []string{filepath.Dir(final), d.tmp()} {
		if err := point.Err(point.BlobDirsync); err != nil {
			os.Remove(final)
			return Sum{}, Fault("content", err)
		}
		if err := d.disk.SyncDir(path); err != nil {
			os.Remove(final)
			return Sum{}, Fault("content", err)
		}
	}
	return sum, nil
}

// enter reserves an ID while its content is written; false: it is taken.
func (d *Dir) enter(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writing[id] {
		return false
	}
	d.writing[id] = true
	return true
}

func (d *Dir) leave(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.writing, id)
}

func (d *Dir) isWriting(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writing[id]
}

// writeTemp writes content to a new file and fsyncs it.
func (d *Dir) writeTemp(ctx context.Context, path string, content io.Reader, want Sum) (sum Sum, err error) {
	f, err := d.disk.Create(path)
	if err != nil {
		return Sum{}, Fault("content", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path)
		}
	}()
	if err := point.Err(point.BlobWrite); err != nil {
		return Sum{}, Fault("content", err)
	}
	h := sha256.New()
	from := &source{ctx: ctx, r: content}
	size, err := io.Copy(io.MultiWriter(f, h), from)
	if from.err != nil {
		return Sum{}, fmt.Errorf("store: reading content: %w", from.err)
	}
	if err != nil {
		return Sum{}, Fault("content", err)
	}
	sum = newSum(size, h)
	if want.Size != 0 && want.Size != sum.Size || want.SHA256 != "" && want.SHA256 != sum.SHA256 {
		return Sum{}, fmt.Errorf("store: %w: given are %d octets, SHA-256 %s; expected %d, %s", ErrCorrupt, sum.Size, sum.SHA256, want.Size, want.SHA256)
	}
	if err := point.Err(point.BlobFsync); err != nil {
		return Sum{}, Fault("content", err)
	}
	if err := f.Sync(); err != nil {
		return Sum{}, Fault("content", err)
	}
	if err := f.Close(); err != nil {
		return Sum{}, Fault("content", err)
	}
	return sum, nil
}

func newSum(size int64, h hash.Hash) Sum {
	return Sum{Size: size, SHA256: hex.EncodeToString(h.Sum(nil))}
}

// source reads content until ctx ends, and remembers its own error: trouble in
// reading must not be taken for trouble in writing.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Open opens the content of an ID at its begin, having read it once to compare
// it with want: ErrCorrupt if it differs or is missing.
func (d *Dir) Open(id string, want Sum) (*os.File, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	path := d.Path(id)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("store: content of %s: %w: %s is missing: was the data directory restored in part?", id, ErrCorrupt, path)
	}
	if err != nil {
		return nil, fmt.Errorf("store: content of %s: %w", id, err)
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if sum := newSum(size, h); err == nil && sum != want {
		err = fmt.Errorf("%w: %s has %d octets, SHA-256 %s; received were %d, %s", ErrCorrupt, path, sum.Size, sum.SHA256, want.Size, want.SHA256)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("store: content of %s: %w", id, err)
	}
	return f, nil
}

// Remove removes the content of an ID durably; none is no error.
func (d *Dir) Remove(id string) error {
	if err := CheckID(id); err != nil {
		return err
	}
	path := d.Path(id)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Fault("remove content", err)
	}
	return Fault("remove content", d.disk.SyncDir(filepath.Dir(path)))
}
