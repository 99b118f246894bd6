package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestEveryPrefixIsChecked holds checkedPrefixes against meta/keyspace.go: who adds
// a kind of record has its owner check it, and then names it there.
func TestEveryPrefixIsChecked(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../meta/keyspace.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Prefix") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		n++
		letter, _, _, err := strconv.UnquoteChar(strings.Trim(literal.Value, "'"), '\'')
		if err != nil || !strings.ContainsRune(string(checkedPrefixes), letter) {
			t.Errorf("%s is checked by nobody", spec.Names[0].Name)
		}
		return true
	})
	if n != len(checkedPrefixes) {
		t.Errorf("meta/keyspace.go has %d prefixes, %d are checked", n, len(checkedPrefixes))
	}
}
