package sampler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A Gap is how far the log-probabilities of responses as they were sampled lie
// from those that training would begin with: of the same weights, behind the
// same prompt ids, computed as training computes them. Off-policy corrections
// and ratios start with this error.
type Gap struct {
	Tokens  int     `json:"tokens"`  // compared
	Mean    float64 `json:"mean"`    // of |log p(sampled) − log p(trainer)|, nats
	Largest float64 `json:"largest"` // of these
}

// String is one line for a log.
func (g Gap) String() string {
	return fmt.Sprintf("log-probabilities of %d sampled tokens differ from the trainer's by %.2g on average and %.2g at most", g.Tokens, g.Mean, g.Largest)
}

// gapFile keeps a samples table's Gap beside its rows. These are the same with
// any number of threads; a gap is made of last bits and need not be.
const gapFile = "logp_gap.json"

// ReadGap is the Gap of the samples table in dir, and whether it has one.
func ReadGap(dir string) (g Gap, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, gapFile))
	if errors.Is(err, fs.ErrNotExist) {
		return g, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		return g, false, fmt.Errorf("read %s: %w", filepath.Join(dir, gapFile), err)
	}
	return g, true, nil
}

// gapRows is how many responses are computed again at most, and of every
// gapEvery no more than one: that costs little beside sampling them.
const (
	gapRows  = 64
	gapEvery = 8
)

// gap notes the Gap of the samples table in dir, which p was sampled for.
func (w *worker) gap(ctx context.Context, s *torch.Scope, p model.Policy, dir string) error {
	rows, err := someRows(dir)
	if err != nil || len(rows) == 0 {
		return err
	}
	g, err := gapOf(ctx, s, p, rows)
	if err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Msg(g.String())
	text, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, gapFile), append(text, '\n'), 0o666)
}

// fleetGap is gap of what servers answered, by the policy in f as it would be
// trained here. Where it could not be, there is nothing to compare with.
func (w *worker) fleetGap(ctx context.Context, f *hf.Folder, dir string) error {
	rows, err := someRows(dir)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := model.CheckPolicy(f); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the servers' log-probabilities are not compared with the trainer's")
		return nil
	}
	device, err := torch.OpenDevice(w.config.Device)
	if err != nil {
		return err
	}
	return torch.Run(ctx, device, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, w.dtype, false)
		if err != nil {
			return err
		}
		return w.gap(ctx, s, p, dir)
	})
}

// someRows are rows all over the samples table in dir that have log-probabilities.
func someRows(dir string) ([]table.Sample, error) {
	t, err := table.Open[table.Sample](dir)
	if err != nil {
		return nil, err
	}
	var rows []table.Sample
	i, every := 0, max(gapEvery, (t.Len()+gapRows-1)/gapRows)
	for r, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		if i%every == 0 && len(r.Logprobs) > 0 && !math.IsNaN(float64(r.Logprobs[0])) {
			rows = append(rows, r)
		}
		i++
	}
	return rows, nil
}

func gapOf(ctx context.Context, s *torch.Scope, p model.Policy, rows []table.Sample) (Gap, error) {
	var g Gap
	sum := 0.0
	forks := func(i int) []model.Fork {
		return []model.Fork{{Prompt: rows[i].PromptIDs, Responses: [][]int32{rows[i].ResponseIDs}}}
	}
	const most = 4096 // tokens at once
	err := model.Logps(ctx, s, p, len(rows), most, forks, func(i int, logps [][]float32) {
		for k, sampled := range rows[i].Logprobs {
			if apart := math.Abs(float64(sampled) - float64(logps[0][k])); torch.Finite(apart) {
				g.Tokens, sum, g.Largest = g.Tokens+1, sum+apart, max(g.Largest, apart)
			}
		}
	})
	g.Mean = sum / float64(max(1, g.Tokens))
	return g, err
}
