package ranker

import (
	"context"
	"fmt"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// objectives are ArmoRM's rewards in the order of its regression layer
// (RLHFlow/RLHF-Reward-Modeling, armo-rm/stage-1_prepare.py).
var objectives = [19]string{
	"helpsteer-helpfulness", "helpsteer-correctness", "helpsteer-coherence", "helpsteer-complexity", "helpsteer-verbosity",
	"ultrafeedback-overall_score", "ultrafeedback-instruction_following", "ultrafeedback-truthfulness",
	"ultrafeedback-honesty", "ultrafeedback-helpfulness", "beavertails-is_safe", "prometheus-score",
	"argilla-overall_quality", "argilla-judge_lm", "code-complexity", "code-style", "code-explanation",
	"code-instruction-following", "code-readability",
}

// paperNames are the paper's five attributes and the objectives that most
// likely stand behind them.
var paperNames = map[string]string{
	"complexity":            "code-complexity",
	"instruction_following": "ultrafeedback-instruction_following",
	"honesty":               "ultrafeedback-honesty",
	"helpfulness":           "ultrafeedback-helpfulness",
	"intellectual_depth":    "helpsteer-complexity",
}

// closing is the text whose last occurrence ends the prompt: the gate reads
// the hidden state of its first token.
const closing = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

type armoRM struct {
	reader
	model   *model.ArmoRM
	pattern []int32
}

func openArmoRM(s *torch.Scope, f *hf.Folder, d torch.DType) (Ranker, error) {
	r, err := newReader(f)
	if err != nil {
		return nil, err
	}
	m, err := model.OpenArmoRM(s, f, d)
	if err != nil {
		return nil, err
	}
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	return &armoRM{reader: r, model: m, pattern: pattern(c, r.tokens)}, nil
}

// pattern is the ids of closing, unless the config gives others.
func pattern(c hf.Config, t *tokenizer.Tokenizer) []int32 {
	if len(c.Gating.TokenPattern) == 0 {
		return t.AppendIDs(nil, closing, true)
	}
	var ids []int32
	for _, id := range c.Gating.TokenPattern {
		ids = append(ids, int32(id))
	}
	return ids
}

func (a *armoRM) Names() []string { return objectives[:] }

// Rank implements Ranker.
func (a *armoRM) Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error) {
	groups, err := a.groups(requests)
	if err != nil {
		return nil, err
	}
	return a.rank(ctx, s, groups)
}

func (a *armoRM) rank(ctx context.Context, s *torch.Scope, groups []group) ([][]Rating, error) {
	out := make([][]Rating, len(groups))
	err := batches(ctx, s, groups, func(s *torch.Scope, at []int, b model.Forks) error {
		var last, gates []int64
		for i, g := range at {
			for k, ids := range groups[g].sequences {
				gate := lastIndex(ids, a.pattern)
				if gate < 0 {
					return fmt.Errorf("request %d: no end of the prompt (%q) in the conversation's tokens: the template is not one of ArmoRM, or the window of %d tokens cut it off", g, closing, a.window)
				}
				last, gates = append(last, b.At(i, k, len(ids)-1)), append(gates, b.At(i, k, gate))
			}
		}
		ratings := a.rate(s, b.Flat(s, a.model.Body), last, gates)
		for _, g := range at {
			n := len(groups[g].sequences)
			out[g], ratings = ratings[:n:n], ratings[n:]
		}
		return nil
	})
	return out, err
}

// rate reads the heads at the flat places last and gates, one each a response.
func (a *armoRM) rate(s *torch.Scope, hidden torch.Tensor, last, gates []int64) []Rating {
	n := int64(len(last))
	rewards := a.model.Rewards(s, s.Index(hidden, 0, s.Longs(last, n)))
	gate := a.model.Gate(s, s.Index(hidden, 0, s.Longs(gates, n)))
	scores, raw, weights := a.model.Score(s, rewards, gate).Floats(), rewards.Floats(), gate.Floats()
	out := make([]Rating, n)
	width := len(raw) / len(out)
	for i := range out {
		out[i] = Rating{Score: float64(scores[i]), Attributes: wider(raw[i*width : (i+1)*width]), Gating: wider(weights[i*width : (i+1)*width])}
	}
	return out
}

// batches calls fn with groups of similar length, under the token budget.
func batches(ctx context.Context, s *torch.Scope, groups []group, fn func(*torch.Scope, []int, model.Forks) error) error {
	for _, at := range model.Batches(len(groups), budget, func(i int) int { return groups[i].fork.Len() }) {
		err := ctx.Err()
		if err != nil {
			return err
		}
		forks := make([]model.Fork, len(at))
		for i, g := range at {
			forks[i] = groups[g].fork
		}
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) { err = fn(s, at, model.NewForks(s, forks)) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lastIndex is where pattern last begins in ids, or −1.
func lastIndex(ids, pattern []int32) int {
	for i := len(ids) - len(pattern); i >= 0; i-- {
		if slices.Equal(ids[i:i+len(pattern)], pattern) {
			return i
		}
	}
	return -1
}

func wider(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
