package model_test

import "testing"

// TestFound plays what random operations once found.
func TestFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []op
	}{
		{"APartIsNoCopyOfADeleteMarker", []op{
			{Do: "SetVersioning", As: "owner", Bucket: "plain", Value: "Enabled"},
			{Do: "Delete", As: "owner", Bucket: "plain", Key: "b"},
			{Do: "CreateUpload", As: "owner", Bucket: "plain", Key: "a"},
			{Do: "CopyPart", As: "owner", Bucket: "plain", FromBucket: "plain", FromKey: "b", FromVersion: 1, Upload: 1, Part: 1},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if differs := play(t, tt.ops); differs != "" {
				t.Error(differs)
			}
		})
	}
}
