package server

import (
	"math"
	"testing"
)

func TestMetadataHasAnEighthOfTheFiles(t *testing.T) {
	for _, tt := range []struct {
		files uint64
		want  int
	}{
		{0, 500}, {1024, 500}, {8192, 1024}, {20_000, 2500}, {65_536, 4096}, {math.MaxUint64, 4096},
	} {
		if got := metadataFiles(tt.files); got != tt.want {
			t.Errorf("metadataFiles(%d) = %d, want %d", tt.files, got, tt.want)
		}
	}
}
