//go:build check

package torch_test

import (
	"context"
	"strings"
	"testing"

	"radpo/internal/torch"
)

// TestUseAfterFree: a handle that outlives its scope panics when used, and
// names where it was made and freed.
func TestUseAfterFree(t *testing.T) {
	defer func() {
		words, _ := recover().(string)
		for _, want := range []string{"used after its scope closed", "made at", "freed at", "check_test.go"} {
			if !strings.Contains(words, want) {
				t.Errorf("panic %q lacks %q", words, want)
			}
		}
	}()
	_ = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		var kept torch.Tensor
		s.Each(func(s *torch.Scope) { kept = s.Zeros(torch.Float, 2) })
		s.Neg(kept)
		t.Error("a dead handle was used")
		return nil
	})
}

// TestLeak: a scope that is never closed shows in Live, by which every test
// that opens a model fails.
func TestLeak(t *testing.T) {
	before := torch.Live()
	err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		s.Zeros(torch.Float, 2)
		if got := torch.Live() - before; got != 1 {
			t.Errorf("%d live handles, want 1", got)
		}
		return nil
	})
	if err != nil || torch.Live() != before {
		t.Errorf("%d handles outlived their Run (%v)", torch.Live()-before, err)
	}
}
