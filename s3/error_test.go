package s3

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coffer"
	"coffer/sigv4"
)

func TestEveryCodeHasItsWireForm(t *testing.T) {
	for code := range coffer.CodeCount {
		w := wire[code]
		if w.code == "" || w.message == "" || w.status < 300 || w.status > 599 {
			t.Errorf("code %d has the wire form %+v", code, w)
		}
	}
}

func TestAnErrorTellsTheClientOnlyWhatIsMeantForIt(t *testing.T) {
	inner := errors.New("open /srv/data/blobs: permission denied")
	tests := []struct {
		name string
		err  error
		code string
	}{
		{"NobodyClassifiedIt", fmt.Errorf("put: %w", inner), "InternalError"},
		{"CauseOfAnError", coffer.Errorf(coffer.ServiceUnavailable, "").Wrap(inner), "ServiceUnavailable"},
		{"Damage", fmt.Errorf("get: %w", (&coffer.Error{Code: coffer.ObjectDamaged}).Wrap(inner)), "InternalError"},
		{"Signature", fmt.Errorf("x: %w", &sigv4.Error{Code: "RequestTimeTooSkewed", Message: "m"}), "RequestTimeTooSkewed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := translate(tt.err)
			if a.code != tt.code || strings.Contains(fmt.Sprint(a), "/srv") {
				t.Errorf("translate(%v) = %+v, want code %s and no path", tt.err, a, tt.code)
			}
		})
	}
}

func TestTheRouteTableNamesEachOperationOnce(t *testing.T) {
	type ask struct {
		method, sub, header string
		level               level
	}
	seen := map[ask]string{}
	for _, op := range operations {
		a := ask{op.method, op.sub, op.header, op.level}
		if other, ok := seen[a]; ok {
			t.Errorf("%s and %s are asked for in the same way", op.name, other)
		}
		seen[a] = op.name
		if op.handle == nil && op.anonymous {
			t.Errorf("%s is open to all and does nothing", op.name)
		}
	}
}

func TestARefusedDocumentSaysWhatIsWrongWithIt(t *testing.T) {
	transcripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(transcripts) == 0 {
		t.Fatalf("there are no transcripts: %v", err)
	}
	told := 0
	for _, name := range transcripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			_, why, ok := strings.Cut(line, "<Message>"+wire[coffer.MalformedXML].message)
			if !ok {
				continue
			}
			if told++; !strings.HasPrefix(why, ": ") {
				t.Errorf("%s:%d has %q, want a reason behind it", name, i+1, line)
			}
		}
	}
	if told == 0 {
		t.Error("no transcript has a document that is refused: nothing is compared")
	}
}
