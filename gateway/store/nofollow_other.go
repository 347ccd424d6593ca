//go:build !unix

package store

// noFollow is nothing here: what Lstat says must do.
const noFollow = 0
