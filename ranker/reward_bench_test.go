package ranker

import (
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// BenchmarkRank scores the responses that tools/bench/rank.py left in the
// folder RANK_BENCH, by the reward model there, and leaves the scores beside
// them. The model is loaded and warm before the clock starts.
func BenchmarkRank(b *testing.B) {
	dir := os.Getenv("RANK_BENCH")
	if dir == "" {
		b.Skip("run tools/bench/rank.py")
	}
	groups := benchGroups(b, filepath.Join(dir, "ids.safetensors"))
	f, err := hf.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	torch.SetThreads(1)
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		m, err := model.OpenClassifier(s, f, torch.Float, true)
		if err != nil {
			return err
		}
		c := &classifier{model: m}
		rank := func(groups []group) ([][]Rating, error) {
			return rate(context.Background(), s, groups, like("classifier").BatchTokens, c.read)
		}
		if _, err := rank(groups[:1]); err != nil {
			return err
		}
		var ratings [][]Rating
		before := cpuSeconds()
		for b.Loop() {
			if ratings, err = rank(groups); err != nil {
				return err
			}
		}
		responses := float64(len(groups) * len(ratings[0]) * b.N)
		b.ReportMetric(responses/b.Elapsed().Seconds(), "responses/s")
		b.ReportMetric(responses/(cpuSeconds()-before), "responses/cpu-s")
		return os.WriteFile(filepath.Join(dir, "scores"), scoreBytes(ratings), 0o644)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// benchGroups are prompts [N,P] with their responses [N,K,R].
func benchGroups(b *testing.B, file string) []group {
	ref := golden.Open(b, file)
	prompts, responses := ref.Ints("prompts"), ref.Ints("responses")
	shape, width := ref.Shape("responses"), ref.Shape("prompts")[1]
	groups := make([]group, shape[0])
	for i := range groups {
		var conversations []conversation
		for range shape[1] {
			conversations = append(conversations, conversation{ids: append(narrowed(prompts[:width]), narrowed(responses[:shape[2]])...)})
			responses = responses[shape[2]:]
		}
		prompts = prompts[width:]
		groups[i] = newGroup("bench", conversations)
	}
	return groups
}

func narrowed(ids []int64) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}

// scoreBytes are the scores in order, as little-endian doubles.
func scoreBytes(ratings [][]Rating) []byte {
	var out []byte
	for _, list := range ratings {
		for _, r := range list {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(r.Score))
		}
	}
	return out
}
