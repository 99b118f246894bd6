package s3_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestNamesOfHeadersAreThoseOfAWS reads an answer as it is on the wire, and not as
// Go's client has it.
func TestNamesOfHeadersAreThoseOfAWS(t *testing.T) {
	w := newWorld(t)
	for _, request := range []string{"GET / HTTP/1.1", "HEAD /photos/k HTTP/1.1", "OPTIONS /photos HTTP/1.1"} {
		c, err := net.Dial("tcp", w.Server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "%s\r\nHost: s3.test\r\nConnection: close\r\n\r\n", request); err != nil {
			t.Fatal(err)
		}
		var names []string
		for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != ""; {
			name, _, _ := strings.Cut(lines.Text(), ":")
			names = append(names, name)
		}
		for _, name := range []string{"x-amz-request-id", "x-amz-id-2", "Server"} {
			if !strings.Contains(strings.Join(names, "\n")+"\n", "\n"+name+"\n") {
				t.Errorf("%s is answered with the headers %q, want %s", request, names, name)
			}
		}
	}
}
