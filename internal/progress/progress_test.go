package progress

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A clock is moved by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// watched is a display on a buffer, its context, and its clock.
func watched(t *testing.T, terminal bool) (*bytes.Buffer, context.Context, *Display, *clock) {
	t.Helper()
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	w, c := new(bytes.Buffer), &clock{time.Unix(0, 0)}
	d := New(w, terminal)
	d.now = c.now
	return w, With(t.Context(), d), d, c
}

func wantText(t *testing.T, w *bytes.Buffer, want ...string) {
	t.Helper()
	if got, want := w.String(), strings.Join(want, "\n")+"\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	w.Reset()
}

func TestPlainLines(t *testing.T) {
	w, ctx, d, c := watched(t, false)
	d.Plan([]string{"samples-1", "policy-1", "samples-2"})
	d.Reused(1, 4, "prompts")
	d.Stage(2, 4, "samples-1")
	b := Start(ctx, 256, "prompts")
	for range 8 {
		c.advance(2 * time.Second)
		b.Add(16)
	}
	c.advance(time.Second)
	b.Set(256)
	b.Done()
	b.Add(9) // too late to count
	d.StageDone()
	wantText(t, w,
		"[1/4] prompts reused",
		"[2/4] samples-1 started",
		"[2/4] samples-1, 48/256 prompts, 8/s, 26s left",
		"[2/4] samples-1, 96/256 prompts, 8/s, 20s left",
		"[2/4] samples-1, 256/256 prompts, 15.1/s, 0s left",
		"[2/4] samples-1 done in 17s (256/256 prompts, 15.1/s)")

	d.Stage(3, 4, "policy-1")
	c.advance(10 * time.Second)
	Start(ctx, 0, "rows").Add(1)
	c.advance(5 * time.Second)
	Start(ctx, 0, "rows").Add(5)
	d.StageDone()
	wantText(t, w,
		"[3/4] policy-1 started",
		"[3/4] policy-1 done in 15s (5 rows)")
}

// TestForecast has a stage of each kind take its time, and the second round
// take it as known.
func TestForecast(t *testing.T) {
	w, ctx, d, c := watched(t, false)
	d.Plan([]string{"samples-1", "policy-1", "samples-2", "policy-2"})
	stage := func(i int, name string, seconds int) {
		d.Stage(i, 4, name)
		c.advance(time.Duration(seconds) * time.Second)
		d.StageDone()
	}
	stage(1, "samples-1", 10)
	d.Stage(2, 4, "policy-1")
	b := Start(ctx, 100, "steps")
	c.advance(20 * time.Second)
	b.Set(20)
	w.Reset()
	c.advance(5 * time.Second)
	b.Set(25)
	// 75 s of this stage, 10 s as samples-1 took, 10 s on average for policy-2.
	wantText(t, w, "[2/4] policy-1, 25/100 steps, 1/s, 1m15s left, run 1m35s left")
	c.advance(75 * time.Second)
	d.StageDone()
	d.Stage(3, 4, "samples-2")
	w.Reset()
	c.advance(6 * time.Second)
	Start(ctx, 0, "prompts")
	if got, want := d.status(), "[3/4] samples-2, 0 prompts, run 1m44s left"; got != want {
		t.Errorf("status is %q, want %q: 4 s as samples-1 took 10, 100 s as policy-1 took", got, want)
	}
}

func TestSkippedWorkIsNoSpeed(t *testing.T) {
	w, ctx, d, c := watched(t, false)
	d.Stage(1, 1, "samples-1")
	b := Start(ctx, 1000, "prompts")
	b.Skip(900)
	w.Reset()
	c.advance(10 * time.Second)
	b.Add(50)
	wantText(t, w, "[1/1] samples-1, 950/1000 prompts, 5/s, 10s left")
}

func TestTerminal(t *testing.T) {
	w, ctx, d, c := watched(t, true)
	d.Stage(1, 2, "samples-1")
	b := Start(ctx, 4, "prompts")
	for range 4 {
		c.advance(time.Second)
		b.Add(1)
	}
	const full = "100% |████████████|  [1/2] samples-1, 4/4 prompts, 1/s, 0s left" + erase
	if got := lastFrame(w); got != full {
		t.Errorf("the last frame is %q, want %q", got, full)
	}
	w.Reset()
	fmt.Fprintln(d, "a log line")
	if got, want := w.String(), "\r"+erase+"a log line\n\r"+full; got != want {
		t.Errorf("a log line leaves %q, want %q", got, want)
	}
	w.Reset()
	d.StageDone()
	if got := lastFrame(w); got != erase+"[1/2] samples-1 done in 4s (4/4 prompts, 1/s)\n" {
		t.Errorf("the end leaves %q", got)
	}
	d.Stage(2, 2, "scores-1")
	if got := lastFrame(w); !strings.Contains(got, "[2/2] scores-1") {
		t.Errorf("a stage without a bar shows %q", got)
	}
	d.Stop()
	if got := lastFrame(w); got != erase {
		t.Errorf("Stop leaves %q on the line", got)
	}
	w.Reset()
	fmt.Fprintln(d, "after")
	wantText(t, w, "after")
}

// lastFrame is what stands after the last return of the cursor.
func lastFrame(w *bytes.Buffer) string {
	text := w.String()
	return text[strings.LastIndexByte(text, '\r')+1:]
}

func TestNoColours(t *testing.T) {
	w, ctx, d, c := watched(t, true)
	d.Stage(1, 1, "s")
	b := Start(ctx, 2, "rows")
	c.advance(time.Second)
	b.Add(1)
	d.StageDone()
	if text := strings.ReplaceAll(w.String(), erase, ""); strings.Contains(text, "\x1b") {
		t.Errorf("escape sequences other than erase in %q", text)
	}
}

func TestNarrowTerminal(t *testing.T) {
	w, ctx, d, c := watched(t, true)
	d.Stage(1, 1, strings.Repeat("long", 30))
	b := Start(ctx, 1000, "rows")
	c.advance(time.Second)
	b.Add(1) // less than a percent
	line := strings.TrimSuffix(lastFrame(w), erase)
	if got := utf8.RuneCountInString(line); got != 79 || !strings.HasPrefix(line, "0% |") {
		t.Errorf("a frame on 80 columns has %d: %q", got, line)
	}
}

func TestCIAndDumbTerminalsGetLines(t *testing.T) {
	for _, env := range [][2]string{{"CI", "true"}, {"TERM", "dumb"}} {
		t.Setenv("CI", "")
		t.Setenv("TERM", "xterm")
		t.Setenv(env[0], env[1])
		w := new(bytes.Buffer)
		New(w, true).Stage(1, 1, "s")
		wantText(t, w, "[1/1] s started")
	}
}

func TestSlowWorkBetweenStagesShows(t *testing.T) {
	w, ctx, _, c := watched(t, false)
	b := Start(ctx, 0, "MiB of model hashed")
	c.advance(time.Second)
	b.Add(500)
	c.advance(5 * time.Second)
	b.Add(2500)
	b.Done()
	wantText(t, w, "3000 MiB of model hashed, 500/s")
}

func TestNobodyWatches(t *testing.T) {
	d := From(t.Context())
	d.Plan(nil)
	d.Stage(1, 1, "s")
	d.Reused(1, 1, "s")
	d.StageDone()
	d.Stop()
	b := Start(t.Context(), 1, "rows")
	b.Add(1)
	b.Set(1)
	b.Skip(1)
	b.Done()
	if d != nil || b != nil {
		t.Error("a context without a display has one")
	}
}

func TestSpeed(t *testing.T) {
	for want, rate := range map[string]float64{"1234/s": 1234, "12.3/s": 12.34, "30/min": 0.49999, "0.6/min": 0.01, "18/h": 0.005} {
		if got := speed(rate); got != want {
			t.Errorf("speed(%g) = %q, want %q", rate, got, want)
		}
	}
}
