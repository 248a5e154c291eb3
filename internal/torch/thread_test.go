package torch_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"radpo/internal/torch"
)

// TestThreadSurvives: after a call that panics, and after one that ends its
// goroutine, the next runs as ever and no handle is left.
func TestThreadSurvives(t *testing.T) {
	ends := map[string]func(){"panic": func() { panic("a fault of ours") }, "exit": runtime.Goexit}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			ended := make(chan any)
			go func() {
				defer func() { ended <- recover() }()
				_ = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
					s.Zeros(torch.Float, 2)
					end()
					return nil
				})
				t.Error("Run returned")
			}()
			if p := <-ended; name == "panic" && !strings.Contains(fmt.Sprint(p), "a fault of ours") {
				t.Errorf("the caller panicked with %v", p)
			}
			run(t, func(s *torch.Scope) {
				if got := s.Sum(s.Shift(s.Zeros(torch.Float, 2), 1)).Item(); got != 2 {
					t.Errorf("got %v, want 2", got)
				}
			})
			if n := torch.Live(); n != 0 {
				t.Errorf("%d handles leaked", n)
			}
		})
	}
}
