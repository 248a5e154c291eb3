package ranker

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// BenchmarkPairRM compares all ordered pairs of responses, text to scores, in
// fp32. RANKER_BENCH names a PairRM folder whose requests.json holds a list of
// {prompt, responses}, and takes the matrices as pairwise.json: what
// tools/bench/pairrm.py does. Without it the tests' tiny model has its turn.
func BenchmarkPairRM(b *testing.B) {
	dir, requests := benchRequests(b)
	f, err := hf.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	pairs := 0
	for _, q := range requests {
		pairs += len(q.Responses) * (len(q.Responses) - 1)
	}
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		c := configs.Default().Ranker
		c.Kind = "pairrm"
		r, err := Open(s, c, f, torch.Float)
		if err != nil {
			return err
		}
		var ratings [][]Rating
		before := cpuSeconds()
		for b.Loop() {
			if ratings, err = r.Rank(context.Background(), s, requests); err != nil {
				return err
			}
		}
		b.ReportMetric(float64(pairs*b.N)/b.Elapsed().Seconds(), "pairs/s")
		b.ReportMetric(float64(pairs*b.N)/(cpuSeconds()-before), "pairs/cpu-s")
		return keepPairwise(dir, ratings)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// cpuSeconds is the processor time of this process: what others do beside it
// does not show.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func benchRequests(b *testing.B) (dir string, requests []Request) {
	dir = os.Getenv("RANKER_BENCH")
	if dir == "" {
		for i := range 16 {
			q := Request{Messages: asking(strings.Repeat("what is a fox? ", i+1))}
			for k := range 5 {
				q.Responses = append(q.Responses, strings.Repeat("it eats mice. ", (7*i+3*k)%11+k))
			}
			requests = append(requests, q)
		}
		return tinyPairRM, requests
	}
	text, err := os.ReadFile(filepath.Join(dir, "requests.json"))
	if err != nil {
		b.Fatal(err)
	}
	var rows []struct {
		Prompt    string
		Responses []string
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		b.Fatal(err)
	}
	for _, r := range rows {
		requests = append(requests, Request{Messages: asking(r.Prompt), Responses: r.Responses})
	}
	return dir, requests
}

func keepPairwise(dir string, ratings [][]Rating) error {
	if dir == tinyPairRM {
		return nil
	}
	var all [][][]float64
	for _, list := range ratings {
		var m [][]float64
		for _, r := range list {
			m = append(m, r.Pairwise)
		}
		all = append(all, m)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "pairwise.json"), text, 0o644)
}
