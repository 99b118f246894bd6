package s3_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestMorePartsThanThereAre completes an upload with one part more than it can have.
func TestMorePartsThanThereAre(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /abc", nil)
	var list strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&list, `<Part><PartNumber>%d</PartNumber><ETag>5d41402abc4b2a76b9719d911017c592</ETag></Part>`, i+1)
	}
	got := w.play(t, "POST /abc/k?uploadId=none\n\n<CompleteMultipartUpload>"+list.String()+"</CompleteMultipartUpload>", nil)
	if !strings.HasPrefix(got, "400\n") || !strings.Contains(got, "<Code>InvalidArgument</Code>") {
		t.Errorf("CompleteMultipartUpload of 10,001 parts = %s, want InvalidArgument", got)
	}
}
