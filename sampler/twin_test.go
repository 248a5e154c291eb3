package sampler_test

import (
	"math"
	"slices"
	"testing"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
	"radpo/sampler"
)

// policy is the built-in model.
const policy = "../demo/models/policy"

// slowly is the slow twin of Generate: greedy, one sequence, all of it computed
// again for every token, no cache.
func slowly(s *torch.Scope, p model.Policy, prompt []int32, n int) (ids []int32, logps []float32) {
	all := make([]int64, len(prompt))
	for i, id := range prompt {
		all[i] = int64(id)
	}
	for range n {
		s.Each(func(s *torch.Scope) {
			t := int64(len(all))
			places := make([]int64, t)
			for i := range places {
				places[i] = int64(i)
			}
			hidden := p.Hidden(s, model.Input{IDs: s.Longs(all, 1, t), Positions: s.Longs(places, 1, t)})
			row := s.LogSoftmax(p.Logits(s, s.Select(hidden, 1, t-1))).Floats()
			best := slices.Index(row, slices.Max(row))
			ids, logps, all = append(ids, int32(best)), append(logps, row[best]), append(all, int64(best))
		})
	}
	return ids, logps
}

// A roomy policy has a window of 512 tokens.
type roomy struct{ model.Policy }

func (r roomy) Config() hf.Config {
	c := r.Policy.Config()
	c.MaxPositionEmbeddings = 512
	return c
}

// A roomyNative policy is one that is decoded in one call a step.
type roomyNative struct{ *model.Decoder }

func (r roomyNative) Config() hf.Config { return roomy{r.Decoder}.Config() }

// TestEqualsSlowTwin decodes rows of unlike length past three growths of the
// cache, and then with rows that end at different tokens, so that the batch is
// compacted: each is what the slow twin makes of its prompt alone.
func TestEqualsSlowTwin(t *testing.T) {
	for name, tokens := range map[string]int{"tied": 200, "mistral": 80, "qwen2": 80, "qwen3": 80, "gemma2": 80} {
		t.Run(name+"/eager", func(t *testing.T) {
			equalsSlowTwin(t, models+name, tokens, func(p model.Policy) model.Policy { return roomy{p} })
		})
		t.Run(name+"/native", func(t *testing.T) {
			equalsSlowTwin(t, models+name, tokens, func(p model.Policy) model.Policy { return roomyNative{p.(*model.Decoder)} })
		})
	}
}

func equalsSlowTwin(t *testing.T, dir string, tokens int, with func(model.Policy) model.Policy) {
	prompts := [][]int32{{5, 9, 13}, {4, 70, 2, 40, 41, 42, 43, 44}, slices.Repeat([]int32{31, 77}, 20), {90}, {100, 120}}
	withPolicy(t, dir, func(s *torch.Scope, p model.Policy) {
		p = with(p)
		var want [][]int32
		var logps [][]float32
		var requests []sampler.Request
		s.NoGrad(func(s *torch.Scope) {
			for _, prompt := range prompts {
				ids, l := slowly(s, p, prompt, tokens)
				want, logps = append(want, ids), append(logps, l)
				requests = append(requests, sampler.Request{Prompt: prompt, N: 1})
			}
		})
		// Stop ids that end rows as unlike as can be.
		stop := []int{int(want[0][tokens/20]), int(want[1][tokens*7/20]), int(want[2][tokens*7/10])}
		for _, o := range []sampler.Options{{MaxTokens: tokens}, {MaxTokens: tokens, Stop: stop}} {
			var lengths []int
			for i, list := range generate(t, s, p, requests, o) {
				got := list[0]
				n := slices.IndexFunc(want[i], func(id int32) bool { return slices.Contains(o.Stop, int(id)) }) + 1
				if got.Stopped != (n > 0) {
					t.Errorf("stop %v: row %d: stopped %v", o.Stop, i, got.Stopped)
				}
				if n == 0 {
					n = tokens
				}
				if !slices.Equal(got.IDs, want[i][:n]) {
					t.Errorf("stop %v: row %d: got %v, want %v", o.Stop, i, got.IDs, want[i][:n])
					continue
				}
				for k, l := range got.Logprobs {
					if math.Abs(float64(l-logps[i][k])) > 1e-4 {
						t.Errorf("stop %v: row %d: token %d has log-probability %v, want %v", o.Stop, i, k, l, logps[i][k])
						break
					}
				}
				lengths = append(lengths, n)
			}
			if slices.Sort(lengths); o.Stop != nil && len(slices.Compact(lengths)) < 3 {
				t.Errorf("rows ended after %v tokens: the test shows too little", lengths)
			}
		}
	})
}

// BenchmarkGenerate decodes 64 prompts of 74 tokens, 4 responses of 32 tokens
// each, together on the built-in policy: 3 layers of width 96, 4 heads over 2
// groups, a vocabulary of 1200.
func BenchmarkGenerate(b *testing.B) {
	const prompts, n, tokens = 64, 4, 32
	var requests []sampler.Request
	for i := range prompts {
		requests = append(requests, sampler.Request{Prompt: slices.Repeat([]int32{int32(i), 7}, 37), N: n})
	}
	o := sampler.Options{Temperature: 0.8, TopP: 0.95, MaxTokens: tokens, Seed: 1}
	withPolicy(b, policy, func(s *torch.Scope, p model.Policy) {
		b.ReportAllocs()
		for b.Loop() {
			generate(b, s, p, requests, o)
		}
		b.ReportMetric(float64(b.N*prompts*n*tokens)/b.Elapsed().Seconds(), "tokens/s")
	})
}
