package main

import (
	"math"
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   float64
	}{
		{"OddIsTheMiddleOne", []float64{9, 1, 5}, 5},
		{"EvenIsTheMeanOfTheMiddleTwo", []float64{4, 1, 2, 100}, 3},
		{"OneIsItself", []float64{7}, 7},
		{"NoneIsNoNumber", nil, math.NaN()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.values)
			got := median(tt.values)
			if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
				t.Errorf("median(%v) = %v, want %v", before, got, tt.want)
			}
			if !slices.Equal(before, tt.values) {
				t.Errorf("median(%v) left %v", before, tt.values)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(i + 1)
	}
	tests := []struct {
		sorted []int64
		q      float64
		want   int64
	}{
		{hundred, .50, 50}, {hundred, .99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]int64{3}, .99, 3}, {[]int64{1, 2}, .5, 1}, {nil, .5, 0},
	}
	for _, tt := range tests {
		if got := quantile(tt.sorted, tt.q); got != tt.want {
			t.Errorf("quantile(%d values, %v) = %d, want %d", len(tt.sorted), tt.q, got, tt.want)
		}
	}
}
