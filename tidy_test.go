package coffer_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	fileLinesMax = 600
	funcLinesMax = 80
)

// TestTidy keeps files and functions small, and every package introduced.
func TestTidy(t *testing.T) {
	documented := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil || ast.IsGenerated(file) {
			return err
		}
		line := func(p token.Pos) int { return fset.Position(p).Line }
		if n := line(file.FileEnd); n > fileLinesMax {
			t.Errorf("%s has %d lines, max %d", path, n, fileLinesMax)
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		documented[filepath.Dir(path)] = documented[filepath.Dir(path)] || file.Doc != nil
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && line(f.End())-line(f.Pos()) >= funcLinesMax {
				t.Errorf("%s: %s is over %d lines", fset.Position(f.Pos()), f.Name.Name, funcLinesMax)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}
