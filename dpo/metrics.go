package dpo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
}

// add counts one pair of the step's n. Rewards are scale·(log π − log π_ref).
func (m *Step) add(scale, loss, chosen, rejected, refChosen, refRejected, n float64) {
	m.Loss += loss / n
	good, bad := scale*(chosen-refChosen), scale*(rejected-refRejected)
	m.Chosen += good / n
	m.Rejected += bad / n
	m.Margin += (good - bad) / n
	m.ChosenLogp += chosen / n
	m.RejectedLogp += rejected / n
	if good > bad {
		m.Accuracy += 1 / n
	}
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
