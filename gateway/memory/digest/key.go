// Package digest works up what a message shows into what may be remembered of it:
// hashes of ids, mailboxes, display names and accounts under the site key, and
// registrable domains. What it returns points to nothing of the message.
package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"mxgate/policy/mail"
)

// KeyName is the file of the site key, KeyOctets its length.
const (
	KeyName   = "memory.key"
	KeyOctets = 32
)

// What is hashed begins with its kind, so that equal texts of two kinds differ.
const (
	kindID      = 'i'
	kindMailbox = 'm'
	kindName    = 'n'
	kindAccount = 'a'
	kindCheck   = 'k'
)

// hasher computes truncated HMAC-SHA256 under the site key. It is safe for
// concurrent use.
type hasher struct{ pool sync.Pool }

// work is one HMAC in the making, and room for its texts.
type work struct {
	h      hash.Hash
	buffer [256]byte
	out    [sha256.Size]byte
}

func newHasher(key []byte) *hasher {
	return &hasher{pool: sync.Pool{New: func() any { return &work{h: hmac.New(sha256.New, key)} }}}
}

// sum is the first 8 octets of HMAC(kind text), and never 0.
func (k *hasher) sum(kind byte, text string) uint64 {
	s := k.pool.Get().(*work)
	defer k.pool.Put(s)
	s.h.Reset()
	b := append(append(s.buffer[:0], kind), text...)
	s.h.Write(b)
	return max(binary.LittleEndian.Uint64(s.h.Sum(s.out[:0])), 1)
}

// Check tells keys apart, and nothing else of them.
func (k *hasher) Check() string { return fmt.Sprintf("%016x", k.sum(kindCheck, "")) }

// ID hashes a message id as it stands: RFC 5322, Section 3.6.4 compares exactly.
func (k *hasher) ID(id string) uint64 { return k.sum(kindID, id) }

// Mailbox hashes an address. The local part is folded: no mailbox of ours
// differs from another one by capitals alone, and what follows a plus sign is the
// owner's own sorting (RFC 5233, Section 4): to write to it instead must not make
// the recipient somebody who knows nobody.
func (k *hasher) Mailbox(a mail.Address) uint64 {
	local := strings.ToLower(a.Local)
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	return k.sum(kindMailbox, local+"@"+string(a.Domain))
}

// ReadKey reads the site key of dir; nil if there is none.
func ReadKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, KeyName)
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("memory: site key: %w", err)
	case len(key) != KeyOctets:
		return nil, fmt.Errorf("memory: site key %s has %d octets, expected %d: restore it, or remove it to begin with empty ids", path, len(key), KeyOctets)
	}
	return key, nil
}

// MakeKey makes the site key of dir, or reads it if another process was faster.
func MakeKey(dir string) ([]byte, error) {
	key := make([]byte, KeyOctets)
	rand.Read(key)
	switch err := writeKey(dir, key); {
	case err == nil:
		return key, nil
	case !errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("memory: site key: %w", err)
	}
	key, err := ReadKey(dir)
	if err == nil && key == nil {
		err = fmt.Errorf("memory: site key: %s was there and is gone", filepath.Join(dir, KeyName))
	}
	return key, err
}

// writeKey puts the key in place whole or not at all, unless there is one.
func writeKey(dir string, key []byte) error {
	f, err := os.CreateTemp(dir, "memory.key.") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), filepath.Join(dir, KeyName))
}
