package policy

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// rank orders the rooms; a package imports only packages of a lower rank.
func rank(pkg string) int {
	inner := strings.Count(pkg, "/") > 2 // a room's own inner package stands below the room
	switch {
	case pkg == "mxgate/policy/corpustest": // of tests only
		return 0
	case pkg == "mxgate/policy/mail", pkg == "mxgate/policy/dns", pkg == "mxgate/policy/memo":
		return 0
	case pkg == "mxgate/policy/sig", strings.HasPrefix(pkg, "mxgate/policy/") && inner: // sig: what dkim and arc share
		return 1
	case strings.HasPrefix(pkg, "mxgate/policy/"):
		return 2
	case pkg == "mxgate/policy":
		return 3
	case pkg == "mxgate/gateway":
		return 7
	case pkg == "mxgate/gateway/session", pkg == "mxgate/gateway/config": // above wire, relay and resolve: they use what stands there
		return 6
	case pkg == "mxgate/gateway/fault", pkg == "mxgate/gateway/calendar": // fault: a hook for tests, below all that it makes fail
		return 3
	case pkg == "mxgate/gateway/ledger/ledgercheck", pkg == "mxgate/gateway/loadcheck", pkg == "mxgate/policy/corpustest/suites": // programs
		return 9
	case pkg == "mxgate/gateway/disk", strings.HasPrefix(pkg, "mxgate/gateway/") && inner: // disk: below wire and store
		return 4
	case strings.HasPrefix(pkg, "mxgate/gateway/"):
		return 5
	case pkg == "mxgate/cmd/mxgate/internal/count", pkg == "mxgate/cmd/mxgate/internal/terminal": // of all that prints
		return 7
	case strings.HasPrefix(pkg, "mxgate/cmd/") && strings.Contains(pkg, "/internal/"):
		return 8
	}
	return 9
}

// noReach lists what policy may not import: it opens nothing, logs nothing.
var noReach = []string{"os", "log", "log/slog", "net/http", "database/sql", "os/exec", "syscall"}

func TestImportsGoOneWay(t *testing.T) {
	root := ".."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := "mxgate/" + filepath.ToSlash(rel)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, path, pkg, imported, file.Name.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("only %d files seen under %s: the test looks in the wrong place", seen, root)
	}
	if _, err := os.Stat("../go.mod"); err != nil {
		t.Fatal(err)
	}
}

func checkImport(t *testing.T, path, pkg, imported, name string) {
	t.Helper()
	if strings.HasPrefix(imported, "mxgate/") && rank(imported) >= rank(pkg) {
		t.Errorf("%s: %s imports %s, which is not below it", path, pkg, imported)
	}
	if strings.HasPrefix(pkg, "mxgate/policy") && name != "main" && !strings.HasSuffix(name, "test") {
		for _, far := range noReach {
			if imported == far {
				t.Errorf("%s: policy imports %s: it opens nothing and logs nothing", path, far)
			}
		}
	}
}
