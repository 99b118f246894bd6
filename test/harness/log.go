package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// alarms are what a healthy server never writes. They are longer than "panic",
// because an object may be called panic.go.
var alarms = []string{`"msg":"panic"`, "panic serving", "panic: ", "fatal error: ", "WARNING: DATA RACE"}

// logLineMax bounds a line that is kept; the rest of a longer one is looked at
// as a line of its own.
const logLineMax = 1 << 20

// checkLog fails the test for a panic or a secret in the log, and shows the end
// of the log when the test failed for another reason.
func (s *Server) checkLog() {
	s.t.Helper()
	f, err := os.Open(s.Log())
	if errors.Is(err, os.ErrNotExist) {
		return // the server was never started
	}
	if err != nil {
		s.t.Errorf("open the server's log: %v", err)
		return
	}
	defer f.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	findings, err := scan(f, s.secrets)
	if err != nil {
		s.t.Errorf("read the server's log: %v", err)
	}
	for _, finding := range findings {
		s.t.Errorf("the server's log: %s", finding)
	}
	if s.t.Failed() {
		s.t.Logf("the end of the server's log:\n%s", s.logFrom(0))
	}
}

// findingsMax is enough to see what is wrong.
const findingsMax = 10

// scan tells of each line that holds an alarm or a secret. It never repeats a
// secret.
func scan(r io.Reader, secrets []string) ([]string, error) {
	lines := bufio.NewReaderSize(r, logLineMax)
	var findings []string
	for n := 1; len(findings) < findingsMax; n++ {
		line, _, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return findings, err
		}
		text := string(line)
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				findings = append(findings, fmt.Sprintf("line %d holds a secret", n))
				text = strings.ReplaceAll(text, secret, "[secret]")
			}
		}
		for _, alarm := range alarms {
			if strings.Contains(text, alarm) {
				findings = append(findings, fmt.Sprintf("line %d: %s", n, text))
			}
		}
	}
	return findings, nil
}
