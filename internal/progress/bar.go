package progress

import (
	"context"
	"fmt"
	"time"
)

// A Bar counts the work of one stage. It is safe for concurrent use; a nil *Bar
// counts nothing.
type Bar struct {
	d        *Display
	total    int64 // 0 or less: unknown
	unit     string
	n        int64
	skipped  int64 // done before this process began
	started  time.Time
	finished bool
}

// Start begins a count of total things, named by unit in the plural ("prompts").
// Without a display in ctx it is nil.
func Start(ctx context.Context, total int64, unit string) *Bar {
	d := From(ctx)
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bar = &Bar{d: d, total: total, unit: unit, started: d.now()}
	d.shown = d.bar.started // what ends at once is never shown
	return d.bar
}

// Skip counts n things that an earlier run did: they are no part of the rate.
func (b *Bar) Skip(n int64) {
	b.change(func() { b.n += n; b.skipped += n })
}

// Add counts n more things as done.
func (b *Bar) Add(n int64) {
	b.change(func() { b.n += n })
}

// Set says that n things are done, skipped ones included.
func (b *Bar) Set(n int64) {
	b.change(func() { b.n = n })
}

// Done ends the count; the display keeps its last state until the stage ends.
func (b *Bar) Done() {
	b.change(func() { b.finished = true })
}

func (b *Bar) change(f func()) {
	if b == nil {
		return
	}
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if b.finished {
		return
	}
	f()
	if b.d.bar == b {
		b.d.update()
	}
}

// summary is "120/256 prompts, 12.3/s".
func (b *Bar) summary() string {
	text := fmt.Sprintf("%d %s", b.n, b.unit)
	if b.total > 0 {
		text = fmt.Sprintf("%d/%d %s", b.n, b.total, b.unit)
	}
	if r := b.rate(); r > 0 {
		text += ", " + speed(r)
	}
	return text
}

// rate is things a second since Start; 0 before the first.
func (b *Bar) rate() float64 {
	seconds := b.d.now().Sub(b.started).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(b.n-b.skipped) / seconds
}

// left is the time to the total at the rate so far.
func (b *Bar) left() (time.Duration, bool) {
	r := b.rate()
	if r <= 0 || b.total < b.n {
		return 0, false
	}
	return time.Duration(float64(b.total-b.n) / r * float64(time.Second)), true
}

func speed(r float64) string {
	switch {
	case r >= 100:
		return fmt.Sprintf("%.0f/s", r)
	case r >= 0.5:
		return fmt.Sprintf("%.3g/s", r)
	case r >= 0.5/60:
		return fmt.Sprintf("%.3g/min", r*60)
	}
	return fmt.Sprintf("%.3g/h", r*3600)
}
