package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	redraw = 100 * time.Millisecond // between frames of the bar
	repeat = 5 * time.Second        // between plain lines
)

// A Display is the one place where a process shows its progress. It is safe for
// concurrent use; a nil *Display shows nothing.
type Display struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	now      func() time.Time

	forecast forecast
	label    string // of the stage under way, "[3/14] samples-1"; "" between stages
	name     string
	started  time.Time
	bar      *Bar // the newest of the stage
	shown    time.Time
	drawn    bool // a frame stands on the last line
}

// New shows progress on w: with a bar that is redrawn in place if w is a
// terminal, and neither CI nor a dumb terminal asks for plain lines. It writes
// no colours, so NO_COLOR needs no heed.
func New(w io.Writer, terminal bool) *Display {
	plain := os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb"
	return &Display{w: w, terminal: terminal && !plain, now: time.Now, forecast: forecast{took: map[string]time.Duration{}}}
}

type key struct{}

// With gives what runs under the context a display.
func With(ctx context.Context, d *Display) context.Context { return context.WithValue(ctx, key{}, d) }

// From is the context's display, nil if it has none.
func From(ctx context.Context) *Display {
	d, _ := ctx.Value(key{}).(*Display)
	return d
}

// Plan names the stages that will run, in order, for the time left of the run.
func (d *Display) Plan(todo []string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forecast.todo = todo
}

// Stage says that stage i of n, counted from 1, begins.
func (d *Display) Stage(i, n int, name string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name, d.label, d.started, d.bar = name, label(i, n, name), d.now(), nil
	d.forecast.begin(name)
	if d.terminal {
		d.show()
	} else {
		d.print(d.label + " started")
	}
}

// Reused says that stage i of n has its artifact already.
func (d *Display) Reused(i, n int, name string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.print(label(i, n, name) + " reused")
}

// StageDone says that the stage that began last has ended well.
func (d *Display) StageDone() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	took := d.now().Sub(d.started)
	d.forecast.end(d.name, took)
	text := d.label + " done in " + short(took)
	if d.bar != nil && d.bar.n > 0 {
		text += " (" + d.bar.summary() + ")"
	}
	d.label, d.bar = "", nil
	d.print(text)
}

// Stop ends the display of a stage that did not end well, and leaves the line
// to what comes next.
func (d *Display) Stop() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	d.label, d.bar = "", nil
}

// Write passes whole lines of other output, such as a log, through to the
// display's writer and keeps the bar below them.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	drawn := d.drawn
	d.clear()
	n, err := d.w.Write(p)
	if drawn {
		d.show()
	}
	return n, err
}

// print writes a line that stays. Errors are dropped: nobody watching is no
// reason to stop.
func (d *Display) print(text string) {
	d.clear()
	_, _ = fmt.Fprintln(d.w, text)
	d.shown = d.now()
}

// update shows the bar's state if the last time was long enough ago.
func (d *Display) update() {
	pause := repeat
	if d.terminal {
		pause = redraw
	}
	if d.now().Sub(d.shown) < pause {
		return
	}
	if d.terminal {
		d.show()
	} else {
		d.print(d.status())
	}
}

// show draws a frame over the last one.
func (d *Display) show() {
	_, _ = io.WriteString(d.w, "\r"+cut(d.frame(), width(d.w)-1)+erase)
	d.drawn, d.shown = true, d.now()
}

func (d *Display) clear() {
	if d.drawn {
		_, _ = io.WriteString(d.w, "\r"+erase)
		d.drawn = false
	}
}

// status is the stage's line: how far, how fast, how long.
func (d *Display) status() string {
	var parts []string
	if d.label != "" {
		parts = append(parts, d.label)
	}
	left := d.forecast.usual(d.name) - d.now().Sub(d.started)
	if b := d.bar; b != nil {
		parts = append(parts, b.summary())
		if l, ok := b.left(); ok {
			left = l
			parts = append(parts, l.Round(time.Second).String()+" left")
		}
	}
	if run, ok := d.forecast.left(left); ok && d.label != "" {
		parts = append(parts, "run "+run.Round(time.Second).String()+" left")
	}
	return strings.Join(parts, ", ")
}

func label(i, n int, name string) string { return fmt.Sprintf("[%d/%d] %s", i, n, name) }

// short is a duration to the second, or to the millisecond below one.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
