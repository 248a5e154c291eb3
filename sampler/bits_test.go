package sampler_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"radpo/internal/model"
	"radpo/internal/torch"
	"radpo/sampler"
)

// TestSameBitsInAnyCompany draws the same responses alone, together, in another
// order, with few rows, with a cache so small that rows are turned out of it,
// and with two threads: ids and log-probabilities are the same to the last bit.
func TestSameBitsInAnyCompany(t *testing.T) {
	for _, name := range []string{"tied", "biased", "mistral", "qwen2", "qwen3", "gemma2", "llama3"} {
		t.Run(name, func(t *testing.T) { sameBits(t, models+name) })
	}
}

func sameBits(t *testing.T, dir string) {
	requests := []sampler.Request{
		{Prompt: []int32{1, 5, 9, 13, 2, 40}, N: 3}, {Prompt: []int32{8}, N: 2}, {Prompt: slices.Repeat([]int32{31, 77, 4}, 15), N: 4},
		{Prompt: slices.Repeat([]int32{3, 7}, 8), N: 1}, {Prompt: slices.Repeat([]int32{9}, 17), N: 5},
	}
	o := sampler.Options{Temperature: 1, TopP: 0.95, MaxTokens: 40, Seed: 7, RepetitionPenalty: 1.1}
	withPolicy(t, dir, func(s *torch.Scope, p model.Policy) {
		c := p.Config()
		block := int64(16 * 2 * c.NumHiddenLayers * c.NumKeyValueHeads * c.HeadDim * 4)
		draw := func(set sampler.Settings, some []sampler.Request) (out [][]sampler.Response) {
			s.Each(func(s *torch.Scope) {
				e, err := sampler.NewEngine(s, p, set)
				if err != nil {
					t.Fatal(err)
				}
				if out, err = e.Generate(t.Context(), some, o); err != nil {
					t.Fatal(err)
				}
			})
			return out
		}
		want := draw(sampler.Settings{}, requests)
		check := func(how string, got [][]sampler.Response) {
			t.Helper()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: other responses", how)
			}
		}
		check("three rows", draw(sampler.Settings{Rows: 3}, requests))
		check("eight blocks", draw(sampler.Settings{Memory: 8 * block}, requests))
		torch.SetThreads(2)
		check("two threads", draw(sampler.Settings{}, requests))
		torch.SetThreads(1)
		check("one thread", draw(sampler.Settings{}, requests))
		backward := slices.Clone(requests)
		slices.Reverse(backward)
		got := draw(sampler.Settings{}, backward)
		slices.Reverse(got)
		check("backward", got)
		for i, r := range requests {
			for k := range r.N {
				r.N, r.First = 1, k
				if alone := draw(sampler.Settings{}, []sampler.Request{r}); !reflect.DeepEqual(alone[0][0], want[i][k]) {
					t.Errorf("prompt %d, sample %d: another response alone", i, k)
				}
			}
		}
	})
}

// TestEngineWhileOthersRun: requests come and go at any time, with settings of
// their own, and none changes another.
func TestEngineWhileOthersRun(t *testing.T) {
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		prompt := []int32{1, 5, 9, 13}
		o := sampler.Options{Temperature: 1, TopP: 1, MaxTokens: 30, Seed: 3, Top: 3, Prompts: true}
		alone := generate(t, s, p, []sampler.Request{{Prompt: prompt, N: 2}}, o)[0]
		e, err := sampler.NewEngine(s, p, sampler.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			if err := e.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		noise, err := e.Submit(sampler.Request{Prompt: []int32{2, 2, 2}, N: 4}, sampler.Options{MaxTokens: 100}, func(sampler.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		step()
		step()
		got := make([]sampler.Response, 2)
		var scored []sampler.Token
		var finishes []sampler.Finish
		_, err = e.Submit(sampler.Request{Prompt: prompt, N: 2}, o, func(ev sampler.Event) {
			if ev.Prompt != nil {
				scored = ev.Prompt
			}
			if ev.New {
				r := &got[ev.Sample]
				r.IDs, r.Logprobs, r.Top = append(r.IDs, ev.Token.ID), append(r.Logprobs, ev.Token.Logprob), append(r.Top, slices.Clone(ev.Token.Top))
				if top := ev.Token.Top; len(top) != 3 || top[0].Logprob < top[1].Logprob || top[0].Logprob < ev.Token.Logprob || math.Abs(float64(ev.Token.Drawn-ev.Token.Logprob)) > 1e-5 {
					t.Errorf("token %+v", ev.Token)
				}
			}
			if ev.Finish != "" {
				finishes = append(finishes, ev.Finish)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			step()
		}
		e.Cancel(noise)
		if l := e.Load(); l.Decoding != 2 || l.Waiting != 0 {
			t.Errorf("load %+v behind a cancelled request", l)
		}
		for !e.Idle() {
			step()
		}
		if !reflect.DeepEqual(got, alone) || !slices.Equal(finishes, []sampler.Finish{sampler.FinishLength, sampler.FinishLength}) {
			t.Errorf("got %v, finishes %v; alone %v", got, finishes, alone)
		}
		if l := e.Load(); l.BlocksUsed != 0 {
			t.Errorf("load %+v when idle", l)
		}
		fork := model.NewForks(s, []model.Fork{{Prompt: prompt[:1], Responses: [][]int32{prompt[1:]}}})
		for i, want := range fork.Logps(s, p).Floats() {
			if scored[i].ID != prompt[i+1] || scored[i].Logprob-want > 1e-4 || want-scored[i].Logprob > 1e-4 {
				t.Errorf("prompt token %d: %+v, the trainer's %v", i+1, scored[i], want)
			}
		}
	})
}

// TestStepDoesNotAllocate: a step makes a few things that the collector takes, of
// a number that its rows do not change.
func TestStepDoesNotAllocate(t *testing.T) {
	withPolicy(t, models+"tied", func(s *torch.Scope, p model.Policy) {
		for _, rows := range []int{1, 50, 250} {
			e, err := sampler.NewEngine(s, p, sampler.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			o := sampler.Options{Temperature: 1, TopP: 0.9, RepetitionPenalty: 1.1, MaxTokens: 100}
			if _, err := e.Submit(sampler.Request{Prompt: []int32{1, 2, 3}, N: rows}, o, func(sampler.Event) {}); err != nil {
				t.Fatal(err)
			}
			step := func() {
				if err := e.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for range 40 {
				step()
			}
			if n := testing.AllocsPerRun(20, step); n > 5 {
				t.Errorf("%v allocations a step of %d tokens", n, rows)
			}
		}
	})
}

// BenchmarkOtherTokens counts how often a token of some 20,000 is another in a
// batch than alone, in another order than in that of the prompts, behind a restart
// in the middle, and with two threads than with one, of those that come behind
// the same tokens.
func BenchmarkOtherTokens(b *testing.B) {
	type way struct {
		rows, threads int
		first         int  // prompt
		backward      bool // the last prompt comes first
	}
	batch := way{rows: 64, threads: 1}
	for _, name := range []string{"tied", "mistral", "qwen2", "qwen3", "gemma2", "llama3"} {
		for _, dtype := range []torch.DType{torch.Float, torch.BFloat16} {
			for _, how := range []struct {
				name        string
				other, than way
			}{
				{"batch", batch, way{rows: 1, threads: 1}}, {"order", way{rows: 64, threads: 1, backward: true}, batch},
				{"restart", way{rows: 64, threads: 1, first: 25}, batch}, {"threads", way{rows: 64, threads: 2}, batch},
			} {
				b.Run(fmt.Sprintf("%s/%v/%s", name, dtype, how.name), func(b *testing.B) {
					withPolicyIn(b, models+name, dtype, func(s *torch.Scope, p model.Policy) {
						draw := func(w way) [][]sampler.Response {
							torch.SetThreads(w.threads)
							defer torch.SetThreads(1)
							return drawMany(b, s, p, sampler.Settings{Rows: w.rows}, w.first, w.backward)
						}
						want := draw(how.than)
						tokens, others := 0, 0
						for b.Loop() {
							for i, list := range draw(how.other) {
								for k, r := range list {
									n, other := untilOther(r.IDs, want[how.other.first+i][k].IDs)
									tokens += n
									others += other
								}
							}
						}
						b.ReportMetric(1000*float64(others)/float64(tokens), "others/1000")
						b.ReportMetric(float64(tokens)/float64(b.N), "tokens")
					})
				})
			}
		}
	}
}

// drawMany draws eight responses of 40 tokens to each of prompts first … 63.
func drawMany(tb testing.TB, s *torch.Scope, p model.Policy, set sampler.Settings, first int, backward bool) (out [][]sampler.Response) {
	tb.Helper()
	var requests []sampler.Request
	for i := first; i < 64; i++ {
		prompt := make([]int32, 1+i*7%45)
		for t := range prompt {
			prompt[t] = int32(1 + (31*i+17*t)%120)
		}
		requests = append(requests, sampler.Request{Prompt: prompt, N: 8})
	}
	if backward {
		slices.Reverse(requests)
		defer func() { slices.Reverse(out) }()
	}
	s.Each(func(s *torch.Scope) {
		e, err := sampler.NewEngine(s, p, set)
		if err == nil {
			out, err = e.Generate(tb.Context(), requests, sampler.Options{Temperature: 1, TopP: 0.95, MaxTokens: 40, Seed: 7})
		}
		if err != nil {
			tb.Fatal(err)
		}
	})
	return out
}

// untilOther counts got's tokens up to the first that is another than want's, and
// says whether there is one.
func untilOther(got, want []int32) (tokens, others int) {
	for i, id := range got {
		if id != want[i] {
			return i + 1, 1
		}
	}
	return len(got), 0
}
