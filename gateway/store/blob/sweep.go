package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// orphanAge is how old content that nobody wants must be to be set aside: far
// more than lies between Put and the commit of a row.
const orphanAge = 10 * time.Minute

// Swept is what Sweep did, in paths below the root.
type Swept struct {
	Removed []string // temporary files
	Aside   []string // content that was set aside, by where it lay
	Back    []string // content that was set aside before and is wanted again, by where it lay
	Young   int      // contents that wanted does not know and that may yet be wanted
}

// Sweep clears what a crash left: it removes temporary files of no running Put of
// this process, and sets content aside that is older than ten minutes and that
// wanted does not know; what was set aside before and is known again, because a
// database was restored, it puts back. A Put of another process whose file is swept
// fails: it has promised nothing yet.
func (d *Dir) Sweep(ctx context.Context, now time.Time, wanted func(id string) (bool, error)) (done Swept, err error) {
	done.Removed, err = d.sweep(ctx, d.tmp(), os.Remove, func(id string, _ os.FileInfo) (bool, error) {
		return d.isWriting(id), nil
	})
	if err != nil {
		return done, err
	}
	if done.Back, err = d.sweepLost(ctx, d.putBack, func(id string, _ os.FileInfo) (bool, error) {
		known, err := wanted(id)
		return !known, err
	}); err != nil {
		return done, err
	}
	places, err := os.ReadDir(filepath.Join(d.root, "blobs"))
	if err != nil {
		return done, fmt.Errorf("store: sweep: %w", err)
	}
	for _, place := range places {
		more, err := d.sweep(ctx, filepath.Join(d.root, "blobs", place.Name()), d.setAside, func(id string, info os.FileInfo) (bool, error) {
			known, err := wanted(id)
			if err == nil && !known && now.Sub(info.ModTime()) < orphanAge {
				done.Young++
				known = true
			}
			return known, err
		})
		done.Aside = append(done.Aside, more...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// sweep removes the files of one directory that are named like content and not
// to be kept.
func (d *Dir) sweep(ctx context.Context, dir string, discard func(path string) error, keep func(id string, info os.FileInfo) (bool, error)) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("store: sweep: %w", err)
	}
	var removed []string
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		id, ours := strings.CutSuffix(entry.Name(), ".eml")
		info, err := entry.Info()
		if !ours || CheckID(id) != nil || err != nil || !info.Mode().IsRegular() {
			continue // a stranger's file, or gone meanwhile
		}
		path := filepath.Join(dir, entry.Name())
		kept, err := keep(id, info)
		if err == nil && !kept {
			err = discard(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // someone was faster
		case err != nil:
			return removed, Fault("sweep", err)
		case !kept:
			name, _ := filepath.Rel(d.root, path) // it is below d.root
			removed = append(removed, name)
		}
	}
	return removed, nil
}

// setAside moves content that nobody knows to "lost", for ExpireLost to remove:
// it is what an interrupted Put left, or all there is of a database that is gone.
func (d *Dir) setAside(path string) error {
	if err := os.MkdirAll(d.lost(), 0o700); err != nil {
		return err
	}
	return os.Rename(path, filepath.Join(d.lost(), filepath.Base(path)))
}

// putBack is what undoes setAside.
func (d *Dir) putBack(path string) error {
	to := d.Path(strings.TrimSuffix(filepath.Base(path), ".eml"))
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrNotExist // it has come back otherwise: nothing is done
	}
	if err := d.disk.Rename(path, to); err != nil {
		return err
	}
	return d.disk.SyncDir(filepath.Dir(to))
}

func (d *Dir) lost() string { return filepath.Join(d.root, "lost") }

// sweepLost is sweep for what was set aside, if there is any.
func (d *Dir) sweepLost(ctx context.Context, discard func(path string) error, keep func(id string, info os.FileInfo) (bool, error)) ([]string, error) {
	if _, err := os.Stat(d.lost()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return d.sweep(ctx, d.lost(), discard, keep)
}

// ExpireLost removes what was set aside by Sweep and last written before the
// given time.
func (d *Dir) ExpireLost(ctx context.Context, before time.Time) error {
	_, err := d.sweepLost(ctx, os.Remove, func(_ string, info os.FileInfo) (bool, error) {
		return !info.ModTime().Before(before), nil
	})
	return err
}
