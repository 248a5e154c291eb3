package tokenizer

import (
	"math"
	"testing"
)

func TestFloat(t *testing.T) {
	tests := map[string]float64{
		"0":                                  0,
		"-0.0":                               math.Copysign(0, -1),
		"-8.5":                               -8.5,
		"1e3":                                1000,
		"25E-1":                              2.5,
		"-3.0e+2":                            -300,
		"-10.123456789012345":                -10123456789012345.0 / 1e15,
		"-7.12345678901234567":               -712345678901234567.0 / 1e17,
		"0.00000000000000000000000000000012": 12.0 / 1e32,
		"123456789012345678901234567890":     12345678901234567890.0 * 1e10,
		"1.99999999999999999999999":          1999999999999999999.0 / 1e18, // digits beyond a uint64 are dropped
		"1e-400":                             0,
	}
	for text, want := range tests {
		c := cursor{b: []byte(text + "]")}
		if got, err := c.float(); err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v, error %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"1e999", "1e99999", `"1"`} {
		c := cursor{b: []byte(text + "]")}
		if got, err := c.float(); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}
