package compat

import (
	_ "embed"
	"testing"
)

//go:embed boto.py
var botoScript string

func TestBoto3(t *testing.T) {
	t.Parallel()
	pythons := tools(t, "python3", "apt-get install python3-boto3", "-c", "import boto3; print(boto3.__version__)")
	for version, python := range pythons {
		t.Run(version, func(t *testing.T) {
			path := text(t, botoScript)
			conform(t, program{virtual: true, connect: func(t *testing.T, to target) client {
				return startScript(t, to, nil, python, path)
			}})
		})
	}
}
