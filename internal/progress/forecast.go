package progress

import (
	"slices"
	"strings"
	"time"
)

// A forecast estimates the time left of a run; the package comment says how.
type forecast struct {
	todo []string                 // stages that have yet to begin
	took map[string]time.Duration // the last time of each kind of stage
	sum  time.Duration            // of all stages that ended
	n    int
}

func (f *forecast) begin(name string) {
	if i := slices.Index(f.todo, name); i >= 0 {
		f.todo = slices.Delete(slices.Clone(f.todo), i, i+1)
	}
}

func (f *forecast) end(name string, took time.Duration) {
	f.took[kind(name)] = took
	f.sum += took
	f.n++
}

// usual is how long a stage of that name should take; 0 before any has ended.
func (f *forecast) usual(name string) time.Duration {
	if took, ok := f.took[kind(name)]; ok {
		return took
	}
	return f.sum / time.Duration(max(f.n, 1))
}

// left is the time left of the run when the stage under way has that much.
func (f *forecast) left(stage time.Duration) (time.Duration, bool) {
	if f.n == 0 {
		return 0, false
	}
	left := max(stage, 0)
	for _, name := range f.todo {
		left += f.usual(name)
	}
	return left, true
}

// kind of a stage is its name without the number at its end.
func kind(name string) string {
	return strings.TrimRight(strings.TrimRight(name, "0123456789"), "-")
}
