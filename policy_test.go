package radpo_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayImport holds, for each folder of packages, which of ours its code may
// import. A stage never imports a stage; pipeline alone wires them.
var mayImport = map[string]string{
	"configs":            "",
	"demo":               "internal/table",
	"demo/make":          "demo internal/chat internal/hf internal/model internal/nn internal/table internal/tokenizer internal/torch",
	"internal/events":    "",
	"internal/hf":        "",
	"internal/table":     "",
	"internal/torch":     "",
	"internal/progress":  "",
	"internal/plot":      "",
	"internal/remote":    "",
	"internal/web":       "",
	"internal/openai":    "internal/chat internal/tokenizer internal/web",
	"internal/tokenizer": "",
	"internal/flow":      "internal/progress",
	"internal/chat":      "internal/table",
	"internal/golden":    "internal/hf",
	"internal/hub":       "internal/hf internal/progress",
	"internal/nn":        "internal/hf internal/torch",
	"internal/model":     "internal/hf internal/nn internal/torch",
	"augment":            "configs internal/chat internal/flow internal/hf internal/table internal/tokenizer",
	"eval":               "configs internal/plot internal/table",
	"sampler":            "configs internal/chat internal/flow internal/hf internal/model internal/progress internal/remote internal/table internal/tokenizer internal/torch",
	"ranker":             "configs demo internal/chat internal/flow internal/hf internal/model internal/progress internal/remote internal/table internal/tokenizer internal/torch internal/web",
	"dpo":                "configs internal/chat internal/events internal/flow internal/hf internal/model internal/progress internal/table internal/tokenizer internal/torch",
	"pipeline":           "augment configs demo dpo eval internal/chat internal/flow internal/hf internal/model internal/openai internal/progress internal/table internal/tokenizer internal/torch internal/web ranker sampler",
	"cmd/radpo-reader":   "internal/table",
	"cmd/radpo":          "configs internal/flow internal/hf internal/hub internal/progress internal/torch internal/web pipeline",
}

// testsMayAlso is what test files may import beyond that.
const testsMayAlso = "internal/golden internal/hf internal/model internal/table internal/tokenizer internal/torch"

func TestImports(t *testing.T) {
	walk(t, func(path string, imports []string) {
		allowed, known := allowance(filepath.ToSlash(filepath.Dir(path)))
		if !known {
			t.Errorf("%s: its folder is not in the import table", path)
			return
		}
		if strings.HasSuffix(path, "_test.go") {
			allowed += " " + testsMayAlso
		}
		for _, name := range imports {
			own, ours := strings.CutPrefix(name, "radpo/")
			if ours && !under(strings.Fields(allowed), own) && !under([]string{folder(path)}, own) {
				t.Errorf("%s imports %s", path, own)
			}
		}
	})
}

// TestOneSeam: cgo in internal/torch alone; gotch's ts and nn nowhere.
func TestOneSeam(t *testing.T) {
	walk(t, func(path string, imports []string) {
		if slices.Contains(imports, "C") && folder(path) != "internal/torch" {
			t.Errorf("%s imports C", path)
		}
		for _, name := range imports {
			if strings.HasPrefix(name, "github.com/sugarme/gotch") && (folder(path) != "internal/torch" || name != "github.com/sugarme/gotch/libtch") {
				t.Errorf("%s imports %s", path, name)
			}
		}
	})
}

// TestNoReplace: the build is of published modules.
func TestNoReplace(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "replace") {
		t.Error("go.mod replaces a module")
	}
}

// TestEveryPackageHasItsStory: one doc.go each.
func TestEveryPackageHasItsStory(t *testing.T) {
	seen := map[string]bool{}
	walk(t, func(path string, _ []string) { seen[filepath.Dir(path)] = true })
	for dir := range seen {
		if _, err := os.Stat(filepath.Join(dir, "main.go")); err == nil {
			continue // a command tells it there
		}
		if _, err := os.Stat(filepath.Join(dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go", dir)
		}
	}
}

// allowance is the row of the nearest folder that the table has.
func allowance(dir string) (string, bool) {
	for ; dir != "."; dir = filepath.ToSlash(filepath.Dir(dir)) {
		if allowed, ok := mayImport[dir]; ok {
			return allowed, true
		}
	}
	return "", false
}

// folder is the folder of the table that path belongs to.
func folder(path string) string {
	dir := filepath.ToSlash(filepath.Dir(path))
	for ; dir != "."; dir = filepath.ToSlash(filepath.Dir(dir)) {
		if _, ok := mayImport[dir]; ok {
			return dir
		}
	}
	return "."
}

func under(dirs []string, name string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return name == d || strings.HasPrefix(name, d+"/") && d != "demo" })
}

// walk calls fn with every Go file of the module and what it imports.
func walk(t *testing.T, fn func(path string, imports []string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "." || path == "bin" || path == "runs"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || filepath.Dir(path) == ".":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, s := range file.Imports {
			imports = append(imports, strings.Trim(s.Path.Value, `"`))
		}
		fn(path, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
