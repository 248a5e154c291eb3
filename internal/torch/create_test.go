package torch_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"radpo/internal/torch"
)

// TestCopiesOutliveTheirSource makes tensors of slices that nothing else holds
// while the collector runs without rest.
func TestCopiesOutliveTheirSource(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			runtime.GC()
			clear(make([]float32, 1<<18))
		}
	}()
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		for round := range 200 {
			s.Each(func(s *torch.Scope) {
				got := s.Floats(slices.Repeat([]float32{float32(round + 1)}, 1<<18), 1<<18).Floats()
				for i, x := range got {
					if x != float32(round+1) {
						t.Fatalf("round %d: element %d is %v", round, i, x)
					}
				}
			})
		}
		return nil
	})
	stop()
	<-done
	if err != nil {
		t.Fatal(err)
	}
}
