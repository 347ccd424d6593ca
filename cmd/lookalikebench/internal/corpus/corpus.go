// Package corpus reads the third-party data that the benchmark judges with. It is
// read from where it lies and never carried along: its licences do not allow that.
// ../shared/corpora/README.md tells where each file comes from.
package corpus

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrAbsent says that the corpora are not there.
var ErrAbsent = errors.New("the third-party data is not here: -corpora DIR or MXGATE_CORPORA says where it is")

// Dir is the directory of the corpora.
type Dir string

// Find takes dir if it is given, else MXGATE_CORPORA, else ../shared/corpora
// beside the working directory or one above it. It fails with ErrAbsent.
func Find(dir string) (Dir, error) {
	for _, d := range []string{dir, os.Getenv("MXGATE_CORPORA")} {
		if d != "" {
			return existing(d)
		}
	}
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; at = filepath.Dir(at) {
		if d, err := existing(filepath.Join(at, "..", "shared", "corpora")); err == nil {
			return d, nil
		}
		if at == filepath.Dir(at) {
			return "", ErrAbsent
		}
	}
}

func existing(dir string) (Dir, error) {
	if info, err := os.Stat(filepath.Join(dir, "lookalike")); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%w (no lookalike in %s)", ErrAbsent, dir)
	}
	return Dir(dir), nil
}

// Bytes returns a file, unpacked if its name ends in .gz.
func (d Dir) Bytes(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(d), filepath.FromSlash(name)))
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return data, err
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return io.ReadAll(r)
}

// Lines returns the lines of a file that are not empty and no comment.
func (d Dir) Lines(name string) ([]string, error) {
	data, err := d.Bytes(name)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Table returns the rows of a tab-separated file below its heading.
func (d Dir) Table(name string) ([][]string, error) {
	lines, err := d.Lines(name)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	var rows [][]string
	for _, line := range lines[1:] {
		rows = append(rows, strings.Split(line, "\t"))
	}
	return rows, nil
}

// Column returns the first column of a list of names, in lower case, without its
// heading if it has one.
func (d Dir) Column(name string) ([]string, error) {
	lines, err := d.Lines(name)
	if err != nil {
		return nil, err
	}
	var column []string
	for _, line := range lines {
		first, _, _ := strings.Cut(line, "\t")
		if first = strings.ToLower(strings.TrimSpace(first)); strings.Contains(first, ".") {
			column = append(column, first)
		}
	}
	return column, nil
}

// JSONLines reads one T from each line of a file.
func JSONLines[T any](d Dir, name string) ([]T, error) {
	lines, err := d.Lines(name)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &all[i]); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, i+1, err)
		}
	}
	return all, nil
}
