package sampler_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
	"radpo/sampler"
)

// benchWork is what tools/bench/sample.py wants done.
type benchWork struct {
	Prompts     [][]int32 `json:"prompts"`
	Limits      []int     `json:"limits"` // tokens of each response, N a prompt
	N           int       `json:"n"`
	Temperature float64   `json:"temperature"`
	TopP        float64   `json:"top_p"`
	Threads     int       `json:"threads"`
	Rows        int       `json:"rows"` // of sampler.Settings
}

// BenchmarkSample does the work that tools/bench/sample.py left in the folder
// SAMPLE_BENCH with the model beside it, and leaves there the ids.
func BenchmarkSample(b *testing.B) {
	dir := os.Getenv("SAMPLE_BENCH")
	if dir == "" {
		b.Skip("SAMPLE_BENCH names no folder")
	}
	text, err := os.ReadFile(filepath.Join(dir, "work.json"))
	if err != nil {
		b.Fatal(err)
	}
	var w benchWork
	if err := json.Unmarshal(text, &w); err != nil {
		b.Fatal(err)
	}
	torch.SetThreads(w.Threads)
	f, err := hf.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var out [][]int32
	err = torch.Run(b.Context(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, torch.Float, false)
		if err != nil {
			return err
		}
		e, err := sampler.NewEngine(s, p, sampler.Settings{Rows: w.Rows})
		if err != nil {
			return err
		}
		b.ReportAllocs()
		for b.Loop() {
			start := time.Now()
			if out, err = w.run(b, e); err != nil {
				return err
			}
			tokens := 0
			for _, ids := range out {
				tokens += len(ids)
			}
			b.ReportMetric(float64(tokens)/time.Since(start).Seconds(), "tokens/s")
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(peakMemory(b), "MB")
	ids, err := json.Marshal(out)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ids.json"), ids, 0o644); err != nil {
		b.Fatal(err)
	}
}

// run ends each sample at its own limit.
func (w benchWork) run(b *testing.B, e *sampler.Engine) ([][]int32, error) {
	out := make([][]int32, len(w.Limits))
	for i, prompt := range w.Prompts {
		limits := w.Limits[i*w.N:][:w.N]
		o := sampler.Options{Temperature: w.Temperature, TopP: w.TopP, MaxTokens: slices.Max(limits), Seed: 1}
		var t *sampler.Ticket
		t, err := e.Submit(sampler.Request{Prompt: prompt, N: w.N}, o, func(ev sampler.Event) {
			ids := &out[i*w.N+ev.Sample]
			if *ids = append(*ids, ev.Token.ID); len(*ids) == limits[ev.Sample] {
				t.End(ev.Sample)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for !e.Idle() {
		if err := e.Step(b.Context()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// peakMemory is the process's largest resident memory so far.
func peakMemory(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			return kilobytes / 1024
		}
	}
	return 0
}
