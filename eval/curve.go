package eval

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// A Curve is one training, step by step.
type Curve struct {
	Name  string // plain-1, iter-1, …
	Steps []Step
}

// A Step is one line of a metrics.jsonl: its step, every other number of it by
// TRL's name (loss, grad_norm, rewards/margins, …), and what it warns of.
type Step struct {
	Step     int64
	Values   map[string]float64
	Warnings []string
}

// maxLine bounds a line of metrics.jsonl; the trainer's have a few thousand bytes.
const maxLine = 1 << 20

// ReadCurve reads a metrics.jsonl. Entries of a line that are not numbers are
// passed over; a line without a step, or one that does not come after the
// line before, is an error that names it.
func ReadCurve(name string, r io.Reader) (Curve, error) {
	c := Curve{Name: name}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		s, err := parseStep(lines.Bytes())
		if err != nil {
			return Curve{}, fmt.Errorf("metrics of %s: line %d: %w", name, n, err)
		}
		if last := len(c.Steps) - 1; last >= 0 && s.Step <= c.Steps[last].Step {
			return Curve{}, fmt.Errorf("metrics of %s: line %d: step %d after step %d", name, n, s.Step, c.Steps[last].Step)
		}
		c.Steps = append(c.Steps, s)
	}
	if err := lines.Err(); err != nil {
		return Curve{}, fmt.Errorf("metrics of %s: after line %d: %w", name, n, err)
	}
	return c, nil
}

func parseStep(line []byte) (Step, error) {
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return Step{}, err
	}
	s := Step{Values: map[string]float64{}}
	for k, v := range fields {
		if f, ok := v.(float64); ok {
			s.Values[k] = f
		}
	}
	if warnings, ok := fields["warnings"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(warnings)) {
			s.Warnings = append(s.Warnings, fmt.Sprint(warnings[name]))
		}
	}
	step, ok := s.Values["step"]
	if !ok || step < 0 || step > 1<<53 || step != math.Trunc(step) {
		return Step{}, fmt.Errorf("step: want a whole number, have %v", fields["step"])
	}
	delete(s.Values, "step")
	s.Step = int64(step)
	return s, nil
}

// ends adds what a training came to: means over its last tenth of steps, at
// least one.
func (s *sheet) ends(c Curve) {
	if len(c.Steps) == 0 {
		return
	}
	last := c.Steps[len(c.Steps)-max(1, len(c.Steps)/10):]
	s.fixed("train/"+c.Name+"/steps", float64(c.Steps[len(c.Steps)-1].Step), int64(len(c.Steps)))
	for _, key := range []string{"loss", "grad_norm", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "kl/k1", "kl/k2"} {
		sum, n := 0.0, 0
		for _, step := range last {
			if v, ok := step.Values[key]; ok {
				sum, n = sum+v, n+1
			}
		}
		if n > 0 {
			s.fixed("train/"+c.Name+"/"+key, sum/float64(n), int64(n))
		}
	}
}
