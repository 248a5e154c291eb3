package dpo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// MetricsFile is where a trained policy's folder keeps its curve.
const MetricsFile = "metrics.jsonl"

// A Step is one line of metrics.jsonl, under TRL's names. Rewards are
// β·(log π − log π_ref); sums run over response tokens, means over pairs.
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
	Tokens       int64   `json:"num_tokens"` // seen so far, prompts counted once a pair
}

// add counts one pair of the step's n.
func (m *Step) add(beta, loss, chosen, rejected float64, r row, n float64) {
	m.Tokens += int64(r.fork().Len())
	m.Loss += loss / n
	good, bad := beta*(chosen-float64(r.refChosen)), beta*(rejected-float64(r.refRejected))
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
