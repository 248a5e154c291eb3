package dpo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MetricsFile is where a trained policy's folder keeps its curve.
const MetricsFile = "metrics.jsonl"

// A Step is one line of metrics.jsonl, under TRL's names. Rewards are
// β·(log π − log π_ref), β 1 for a loss that reads none and log π_ref 0 for one
// without a reference; log-probabilities are summed over response tokens, or
// averaged for losses of averages, and averaged over pairs.
type Step struct {
	Step         int64   `json:"step"` // from 1
	Epoch        float64 `json:"epoch"`
	Loss         float64 `json:"loss"`
	GradNorm     float64 `json:"grad_norm"` // before clipping
	LearningRate float64 `json:"learning_rate"`
	Chosen       float64 `json:"rewards/chosen"`
	Rejected     float64 `json:"rewards/rejected"`
	Accuracy     float64 `json:"rewards/accuracies"` // share with chosen strictly above rejected
	Margin       float64 `json:"rewards/margins"`
	ChosenLogp   float64 `json:"logps/chosen"`
	RejectedLogp float64 `json:"logps/rejected"`
	NLL          float64 `json:"nll_loss"`          // of chosen, a mean over the step's tokens of chosen
	KL           float64 `json:"kl,omitempty"`      // kto's z
	Tokens       int64   `json:"num_tokens"`        // seen so far, prompts counted once a pair
	Skipped      bool    `json:"skipped,omitempty"` // the loss or its gradient was not finite: nothing moved, and measures are 0

	// More are measures that not every step has: kl/…, completions/…, ra/….
	More map[string]float64 `json:"-"`
	// Warnings are what this step is the first to show, in plain words, by name.
	Warnings map[string]string `json:"warnings,omitempty"`
}

// add counts one pair of the step's n.
func (m *Step) add(x result, n float64) {
	m.Loss += x.loss / n
	m.Chosen += x.good / n
	m.Rejected += x.bad / n
	m.Margin += (x.good - x.bad) / n
	m.ChosenLogp += x.chosen / n
	m.RejectedLogp += x.rejected / n
	if x.good > x.bad {
		m.Accuracy += 1 / n
	}
}

// plainStep is a Step without its methods.
type plainStep Step

// MarshalJSON puts More behind the other fields, in the order of their names.
func (m Step) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(plainStep(m))
	if err != nil || len(m.More) == 0 {
		return text, err
	}
	more, err := json.Marshal(m.More)
	if err != nil {
		return nil, err
	}
	return append(append(text[:len(text)-1], ','), more[1:]...), nil
}

func (m *Step) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, (*plainStep)(m)), json.Unmarshal(text, &all)); err != nil {
		return err
	}
	for name, raw := range all {
		if !slices.ContainsFunc(moreNames, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		var value float64
		if err := json.Unmarshal(raw, &value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if m.More == nil {
			m.More = map[string]float64{}
		}
		m.More[name] = value
	}
	return nil
}

// moreNames is how the names in More begin.
var moreNames = []string{"kl/", "completions/", "ra/"}

// scalars are all numbers of a step by their names.
func (m Step) scalars() (map[string]float64, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for name, v := range all {
		if x, ok := v.(float64); ok && name != "step" {
			out[name] = x
		}
	}
	return out, nil
}

func writeMetrics(path string, steps []Step) error {
	var b bytes.Buffer
	for _, m := range steps {
		line, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("step %d: %w", m.Step, err)
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// ReadCounts is the [Counts] of a trained policy's folder.
func ReadCounts(dir string) (c Counts, err error) {
	data, err := os.ReadFile(filepath.Join(dir, RowsFile))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	return c, err
}

func writeCounts(path string, c Counts) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func readMetrics(path string) ([]Step, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var steps []Step
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var m Step
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		steps = append(steps, m)
	}
	return steps, nil
}
