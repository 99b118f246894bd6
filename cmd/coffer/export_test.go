package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coffer/api"
	"coffer/server"
)

// startServer runs a server until the test ends, and returns its data folder.
func startServer(t *testing.T) string {
	t.Helper()
	cfg := server.NewConfig()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.S3Addr, cfg.ConsoleAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.MinFree = 0
	cfg.Stdout, cfg.Logger, cfg.Now, cfg.Rand = io.Discard, slog.New(slog.DiscardHandler), time.Now, rand.Reader
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return cfg.Data
}

// TestExportedConfigurationsWork runs each tool that is installed with what the
// command wrote, and nothing else.
func TestExportedConfigurationsWork(t *testing.T) {
	data := startServer(t)
	all, err := api.Dial(server.SocketPath(data)).ListKeys(t.Context(), "", false)
	if err != nil || len(all) != 1 {
		t.Fatalf("ListKeys = %+v, %v, want the first key", all, err)
	}
	for _, tt := range []struct {
		format, tool string
		// script is run by sh with FILE, what was exported, and prints want.
		script, want string
	}{
		{"env", "aws", `. "$FILE" && aws s3 mb s3://bkt-env && aws s3 ls`, "bkt-env"},
		{"aws", "aws", `sed '/^# .*config/,$d' "$FILE" >credentials; sed '1,/^# .*config/d' "$FILE" >config
			export AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials AWS_CONFIG_FILE=$PWD/config
			aws --profile coffer s3 mb s3://bkt-aws && aws --profile coffer s3 ls`, "bkt-aws"},
		{"rclone", "rclone", `rclone --config "$FILE" mkdir coffer:bkt-rclone && rclone --config "$FILE" lsd coffer:`, "bkt-rclone"},
		{"s3cmd", "s3cmd", `s3cmd -c "$FILE" mb s3://bkt-s3cmd && s3cmd -c "$FILE" ls`, "bkt-s3cmd"},
		{"mc", "mc", `mc --version | grep -qi minio && mc() { command mc --config-dir "$PWD/mc" "$@"; } && . "$FILE"`, "my-bucket"},
		{"boto3", "python3", `python3 "$FILE"`, "hello.txt 5"},
	} {
		t.Run(tt.format, func(t *testing.T) {
			if _, err := exec.LookPath(tt.tool); err != nil {
				t.Skipf("NOT TESTED: %s is not installed", tt.tool)
			}
			if tt.tool == "python3" && exec.Command("python3", "-c", "import boto3").Run() != nil {
				t.Skip("NOT TESTED: boto3 is not installed")
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "exported")
			var stderr strings.Builder
			a := &app{args: []string{"coffer", "key", "export", string(all[0].ID), "--format", tt.format, "--output", file, "--data", data},
				stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr}
			if code := a.run(); code != exitOK {
				t.Fatalf("coffer key export = %d, %s", code, &stderr)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-euc", tt.script)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "FILE=" + file}
			for _, name := range []string{"PYENV_ROOT", "PYENV_VERSION"} {
				if v := os.Getenv(name); v != "" {
					cmd.Env = append(cmd.Env, name+"="+v)
				}
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("%s with what was exported: %v\n%s", tt.tool, err, out)
			}
		})
	}
}
