package ranker

import (
	"context"
	"fmt"
	"slices"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
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

func openArmoRM(s *torch.Scope, c configs.Ranker, f *hf.Folder, d torch.DType) (Ranker, error) {
	a, err := newArmoRM(c, f)
	if err != nil {
		return nil, err
	}
	a.model, err = model.OpenArmoRM(s, f, d, c.Heads == "float32")
	return a, err
}

// CheckGate reports whether ArmoRM's gate finds the end of a prompt that the
// template in f renders, and whether its objectives are known, without weights.
func CheckGate(f *hf.Folder) error {
	a, err := newArmoRM(configs.Ranker{}, f)
	if err != nil {
		return err
	}
	probe := Request{Name: f.Name(), Messages: []table.Message{{Role: "user", Content: "a"}}, Responses: []string{"b"}}
	groups, err := a.groups([]Request{probe})
	if err != nil {
		return err
	}
	return a.placed(groups)
}

// newArmoRM is without its model.
func newArmoRM(c configs.Ranker, f *hf.Folder) (*armoRM, error) {
	r, err := newReader(c, f)
	if err != nil {
		return nil, err
	}
	of, err := f.Config()
	if err != nil {
		return nil, err
	}
	if n := of.Gating.NumObjectives; n != len(objectives) {
		return nil, fmt.Errorf("%s: config.json: num_objectives is %d: only ArmoRM's %d have names here", f.Name(), n, len(objectives))
	}
	return &armoRM{reader: r, pattern: pattern(of, r.tokens)}, nil
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
	if err := a.placed(groups); err != nil {
		return nil, err
	}
	return rate(ctx, s, groups, a.budget, a.read)
}

// read finds where the heads look: rewards at the end of each sequence, the
// gate where its prompt ends.
func (a *armoRM) read(s *torch.Scope, groups []group, b model.Forks) ([]Rating, error) {
	var last, gates []int64
	for i, g := range groups {
		for k, ids := range g.sequences {
			last, gates = append(last, b.At(i, k, len(ids)-1)), append(gates, b.At(i, k, g.prompts[k]-len(a.pattern)))
		}
	}
	n := int64(len(last))
	hidden := b.Hidden(s, a.model.Body, append(last, gates...))
	rewards := a.model.Rewards(s, s.Narrow(hidden, 0, 0, n))
	gate := a.model.Gate(s, s.Narrow(hidden, 0, n, n))
	return ratings(s, a.model.Score(s, rewards, gate), rewards, gate, a.model.Coefficients(s, gate)), nil
}

// ratings are the rows of scores [N] and of what they are made of, [N,objectives].
func ratings(s *torch.Scope, scores, rewards, gate, coefficients torch.Tensor) []Rating {
	out := make([]Rating, scores.Len())
	score := floats(s, scores)
	parts := [][]float64{floats(s, rewards), floats(s, gate), floats(s, coefficients)}
	width := len(parts[0]) / len(out)
	for i := range out {
		at, end := i*width, (i+1)*width
		out[i] = Rating{Score: score[i], Attributes: parts[0][at:end:end], Gating: parts[1][at:end:end], Coefficients: parts[2][at:end:end]}
	}
	return out
}

// placed finds the gate of every sequence by searching for the pattern, as the
// reference does, and holds it to where the template ended the prompt.
func (a *armoRM) placed(groups []group) error {
	for _, g := range groups {
		for k, ids := range g.sequences {
			switch end := lastIndex(ids, a.pattern) + len(a.pattern); {
			case end < len(a.pattern):
				return fmt.Errorf("%s: no end of the prompt (ids %v) in the conversation's tokens: the chat template is not one of ArmoRM", g.name, a.pattern)
			case g.prompts[k] == unknown:
				g.prompts[k] = end
			case end != g.prompts[k]:
				return fmt.Errorf("%s: the chat template ends the prompt at token %d, yet its last closing pattern (ids %v) ends at %d: the template hides or repeats it",
					g.name, g.prompts[k], a.pattern, end)
			}
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

// floats copies a tensor to the host, widened.
func floats(s *torch.Scope, t torch.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i, x := range s.To(t, torch.Float).Floats() {
		out[i] = float64(x)
	}
	return out
}
