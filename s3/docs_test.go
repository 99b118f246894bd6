package s3

import (
	"os"
	"regexp"
	"testing"
)

func TestEveryOperationIsInTheDocumentation(t *testing.T) {
	const name = "../docs/s3.md"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations {
		if op.name == "Preflight" {
			continue // of CORS, and no operation of AWS
		}
		if !regexp.MustCompile(`(?m)^\|.*\b` + op.name + `\b.*\|`).Match(page) {
			t.Errorf("the table of %s has no %s", name, op.name)
		}
	}
}
