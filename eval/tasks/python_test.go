package tasks

import (
	"slices"
	"testing"
)

// TestPythonList: lists as Python's repr writes them, and what is none.
func TestPythonList(t *testing.T) {
	tests := map[string][]string{
		`['a', 'b']`:                 {"a", "b"},
		`["it's", 'x',]`:             {"it's", "x"},
		` [ 'a\'b"' , "\n\\\x41é" ]`: {`a'b"`, "\n\\Aé"},
		`['\q\U0001f600']`:           {`\q😀`},
		`[]`:                         nil,
		`['a'`:                       nil,
		`['a' 'b']`:                  nil,
		`['a', 1]`:                   nil,
		`['a\x4']`:                   nil,
		`['a\`:                       nil,
		"['a\nb']":                   nil,
		`'a'`:                        nil,
		`['a'] + ['b']`:              nil,
	}
	for text, want := range tests {
		got, err := pythonList(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func FuzzPythonList(f *testing.F) {
	for _, text := range []string{`['a', "b\n"]`, `["\u12"]`, `[`, `['a',,]`, `['\`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if list, err := pythonList(text); err == nil && len(list) == 0 {
			t.Errorf("%q: no list and no error", text)
		}
	})
}

// TestSample: Python 3.11's random.Random(1234).sample(range(n), k), three times.
func TestSample(t *testing.T) {
	tests := []struct {
		n, k int
		want [][]int
	}{
		{5, 3, [][]int{{3, 0, 4}, {0, 4, 2}, {0, 4, 1}}},
		{21, 5, [][]int{{14, 3, 0, 2, 1}, {2, 3, 11, 7, 0}, {0, 20, 11, 15, 14}}},
		{22, 5, [][]int{{14, 3, 0, 2, 18}, {1, 21, 2, 3, 11}, {7, 0, 11, 20, 19}}},
		{1119, 25, [][]int{{902, 239, 15, 185, 71, 171, 201, 726, 484, 35, 63, 32, 708, 991, 949, 304, 186, 374, 234, 29, 1030, 996, 511, 132, 1108}, {954, 140, 182, 1054, 94, 552, 129, 619, 985, 727, 545, 510, 409, 928, 1085, 39, 1040, 144, 11, 683, 294, 968, 772, 342, 110}, {156, 1016, 335, 154, 440, 295, 55, 709, 227, 1084, 289, 625, 930, 81, 852, 566, 82, 363, 556, 316, 614, 951, 84, 790, 715}}},
		{7473, 5, [][]int{{6374, 3610, 957, 61, 742}, {7462, 6610, 4769, 286, 5501}, {5677, 687, 806, 6279, 2905}}},
	}
	for _, tt := range tests {
		r := newRandom(1234)
		for i, want := range tt.want {
			if got := r.sample(tt.n, tt.k); !slices.Equal(got, want) {
				t.Errorf("draw %d of %d out of %d: got %v, want %v", i, tt.k, tt.n, got, want)
			}
		}
	}
}
