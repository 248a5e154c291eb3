package sampler

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// A figure is one line of docs/gpu.md.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Share float64 `json:"share"` // of the device's limit; 0: none
}

// figures are what a GPU gave, and its limits.
type figures struct {
	Date      string   `json:"date"`
	Libtorch  string   `json:"libtorch"`
	Memory    int64    `json:"memory"` // bytes
	Flops     float64  `json:"flops"`  // a second, bf16
	Bandwidth float64  `json:"bandwidth"`
	List      []figure `json:"figures"`
}

func (f *figures) add(t *testing.T, name string, value float64, unit string, share float64) {
	t.Logf("%s: %.4g %s, %.0f %% of the limit", name, value, unit, 100*share)
	f.List = append(f.List, figure{name, value, unit, share})
}

// write leaves gpu.json and the lines of docs/gpu.md beside the test's program.
func (f *figures) write(t *testing.T, dir string) {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, x := range f.List {
		share := ""
		if x.Share > 0 {
			share = fmt.Sprintf("%.0f %%", 100*x.Share)
		}
		fmt.Fprintf(&lines, "| %s | %s | %.4g %s | %s |\n", f.Date, x.Name, x.Value, x.Unit, share)
	}
	for name, body := range map[string]string{"gpu.json": string(text) + "\n", "gpu.md": lines.String()} {
		if err := os.WriteFile(dir+"/"+name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGPU checks on a GPU what is otherwise tested on the CPU's twin, and takes
// the figures of docs/gpu.md: make gpu-check.
func TestGPU(t *testing.T) {
	device, err := torch.OpenDevice("cuda")
	if err != nil {
		t.Skipf("nothing checked: %v", err)
	}
	_, total, err := torch.Memory(device)
	if err != nil {
		t.Fatal(err)
	}
	f := &figures{Date: time.Now().UTC().Format(time.DateOnly), Libtorch: "2.11.0", Memory: total, Flops: 989e12, Bandwidth: 3.35e12} // an H100
	if total > 100<<30 {
		f.Bandwidth = 4.8e12 // an H200
	}
	if dir := os.Getenv("GPU_CHECK"); dir != "" {
		defer f.write(t, dir)
	}
	for _, part := range []struct {
		name string
		run  func(*testing.T, *torch.Scope, *figures)
	}{
		{"look", checkLook}, {"merge", checkMerge}, {"graphs", checkGraphs}, {"products", checkProducts}, {"launches", checkLaunches},
		{"bandwidth", checkBandwidth}, {"draws", checkDraws}, {"8B", checkLarge},
	} {
		t.Run(part.name, func(t *testing.T) {
			err := torch.Run(t.Context(), device, func(s *torch.Scope) error {
				s.NoGrad(func(s *torch.Scope) { part.run(t, s, f) })
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLook holds attention by pieces and its merging to plain attention on the
// CPU.
func TestLook(t *testing.T) {
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		checkLook(t, s, &figures{Flops: 1, Bandwidth: 1})
		checkMerge(t, s, &figures{Flops: 1, Bandwidth: 1})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// noise is a tensor of normal numbers times size, bf16; large ones repeat.
func noise(s *torch.Scope, size float64, shape ...int64) torch.Tensor {
	const most = 1 << 22
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	some := make([]float32, min(n, most))
	for i := range some {
		some[i] = float32(size * r.NormFloat64())
	}
	z := s.Zeros(torch.BFloat16, n)
	s.Each(func(s *torch.Scope) {
		from := s.Floats(some, int64(len(some)))
		for i := int64(0); i < n; i += most {
			m := min(most, n-i)
			s.Narrow(z, 0, i, m).Set(s.Narrow(from, 0, 0, m))
		}
	})
	return s.View(z, shape...)
}

// seconds is how long one call of f takes on the device, over n calls.
func seconds(s *torch.Scope, n int, f func(*torch.Scope)) float64 {
	wait := func() { s.Each(func(s *torch.Scope) { s.Zeros(torch.Float, 1).Item() }) }
	for range 3 {
		s.Each(f)
	}
	wait()
	start := time.Now()
	for range n {
		s.Each(f)
	}
	wait()
	return time.Since(start).Seconds() / float64(n)
}

func farthest(a, b []float32) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// plainLook is one piece's attention on the host.
func plainLook(q, k, v []float32, groups, width, query, from, used int, scale float64) (out []float32) {
	for g := range groups {
		scores, sum := make([]float64, used), 0.0
		for i := range used {
			for x := range width {
				scores[i] += scale * float64(q[(query*groups+g)*width+x]) * float64(k[((from+i)*groups+g)*width+x])
			}
			scores[i] = math.Exp(scores[i])
			sum += scores[i]
		}
		for x := range width {
			y := 0.0
			for i := range used {
				y += scores[i] / sum * float64(v[((from+i)*groups+g)*width+x])
			}
			out = append(out, float32(y))
		}
	}
	return out
}

// checkLook: pieces anywhere in the cache, in any order, of any length.
func checkLook(t *testing.T, s *torch.Scope, f *figures) {
	const groups, width = 2, 64
	q, k, v := noise(s, 1, 6, groups, width), noise(s, 1, 1024, groups, width), noise(s, 1, 1024, groups, width)
	first, start, used := []int64{0, 3, 4, 6}, []int64{768, 0, 256, 0}, []int64{256, 7, 130}
	out, _ := s.Look(q, k, v, s.Longs(first, 4), s.Longs(start, 4), s.Longs(used, 3), 64, 256, 0.125)
	got, a, b, c := s.To(out, torch.Float).Floats(), s.To(q, torch.Float).Floats(), s.To(k, torch.Float).Floats(), s.To(v, torch.Float).Floats()
	var want []float32
	for i, n := range used {
		for query := first[i]; query < first[i+1]; query++ {
			want = append(want, plainLook(a, b, c, groups, width, int(query), int(start[i]), int(n), 0.125)...)
		}
	}
	d := farthest(got, want)
	f.add(t, "check 2: pieces in any order, largest error", d, "", 0)
	if d > 0.02 {
		t.Errorf("pieces are off by %v", d)
	}
}

// checkMerge: two parts of 256 keys merged are all 512.
func checkMerge(t *testing.T, s *torch.Scope, f *figures) {
	const groups, width = 2, 64
	q, k, v := noise(s, 1, 4, groups, width), noise(s, 1, 512, groups, width), noise(s, 1, 512, groups, width)
	at := func(x ...int64) torch.Tensor { return s.Longs(x, int64(len(x))) }
	whole, _ := s.Look(q, k, v, at(0, 4), at(0, 512), at(512), 64, 512, 0.125)
	a, la := s.Look(q, k, v, at(0, 4), at(0, 256), at(256), 64, 256, 0.125)
	b, lb := s.Look(q, k, v, at(0, 4), at(256, 512), at(256), 64, 256, 0.125)
	share := s.View(s.Sigmoid(s.Sub(la, lb)), 4, groups, 1)
	both := s.Add(s.Mul(s.To(a, torch.Float), share), s.Mul(s.To(b, torch.Float), s.Shift(s.Neg(share), 1)))
	d := farthest(both.Floats(), s.To(whole, torch.Float).Floats())
	f.add(t, "check 3: merged by log-sum-exp, largest error", d, "", 0)
	if d > 0.01 {
		t.Errorf("merged attention is off by %v", d)
	}
}

// checkGraphs: a model's captured steps give the log-probabilities that it gives
// operator by operator.
func checkGraphs(t *testing.T, s *torch.Scope, f *figures) {
	folder, err := hf.Open("../internal/model/testdata/llama3-bf16")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	p, err := model.OpenPolicy(s, folder, torch.BFloat16, false)
	if err != nil {
		t.Fatal(err)
	}
	slots, err := slotEngine(s, p.(*model.Decoder), Settings{Rows: 16}, 64, slotTokens)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := eagerEngine(s, p.(*model.Decoder))
	if err != nil {
		t.Fatal(err)
	}
	requests := []Request{{Prompt: []int32{1, 5, 9, 13}, N: 5}, {Prompt: []int32{8}, N: 1}}
	got, want := hear(t, slots, requests, Options{MaxTokens: 1}), hear(t, slow, requests, Options{MaxTokens: 1})
	d := math.Abs(float64(got[0].tokens[0][0].Logprob - want[0].tokens[0][0].Logprob))
	f.add(t, "check 1: captured step, error of a log-probability", d, "", 0)
	n, failure := slots.compute.(*slotted).model.Graphs()
	if d > 0.05 || n == 0 {
		t.Errorf("log-probabilities are off by %v; %d graphs: %s", d, n, failure)
	}
}

// checkProducts: the feed-forward product of an 8B model.
func checkProducts(t *testing.T, s *torch.Scope, f *figures) {
	w := noise(s, 0.02, 14336, 4096)
	for _, m := range []int64{256, 512, 9600} {
		x := noise(s, 1, m, 4096)
		rate := 2 * float64(m) * 14336 * 4096 / seconds(s, 50, func(s *torch.Scope) { s.Linear(x, w, torch.Tensor{}) })
		f.add(t, fmt.Sprintf("check 5: product of %d rows", m), rate/1e12, "TFLOPS", rate/f.Flops)
	}
}

// checkLaunches: what starting an operator costs.
func checkLaunches(t *testing.T, s *torch.Scope, f *figures) {
	x := noise(s, 1, 8)
	cost := seconds(s, 2000, func(s *torch.Scope) { s.Add(x, x) })
	f.add(t, "check 6: one operator started", cost*1e6, "µs", 0)
}

// checkBandwidth: attention of a decoding step over 256 rows of two slots.
func checkBandwidth(t *testing.T, s *torch.Scope, f *figures) {
	const groups, width, pieces = 8, 128, 512
	q := noise(s, 1, pieces*4, groups, width)
	k, v := noise(s, 1, pieces*slotTokens, groups, width), noise(s, 1, pieces*slotTokens, groups, width)
	first, start, used := make([]int64, pieces+1), make([]int64, pieces+1), make([]int64, pieces)
	for i := range used {
		first[i+1], start[i], used[i] = int64(4*(i+1)), int64(i*slotTokens), slotTokens
	}
	a, b, c := s.Longs(first, pieces+1), s.Longs(start, pieces+1), s.Longs(used, pieces)
	rate := 2 * 2 * float64(pieces*slotTokens*groups*width) / seconds(s, 50, func(s *torch.Scope) { s.Look(q, k, v, a, b, c, tile, slotTokens, 0.088) })
	f.add(t, "check 8: keys and values read by attention", rate/1e12, "TB/s", rate/f.Bandwidth)
}

// checkDraws: the kernel's tokens are the host's but for one in a thousand, whose
// bounds lie closer than single precision tells apart; and what 512 rows take.
func checkDraws(t *testing.T, s *torch.Scope, f *figures) {
	const rows, vocabulary = 512, 128256
	logits := s.To(noise(s, 3, rows, vocabulary), torch.Float)
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]torch.Draw, rows)
	for i := range list {
		list[i] = torch.Draw{Target: -1, Temperature: 0.8, TopP: 0.95, Uniform: r.Float64()}
		if i%4 == 0 {
			list[i].TopK, list[i].MinP = 1000, 0.001
		}
	}
	want, got := slices.Clone(list), slices.Clone(list)
	logits.Draw(want, nil, nil)
	logits.DrawThere(got, nil)
	apart, most := 0, 0.0
	for i := range got {
		if got[i].ID != want[i].ID {
			apart++
			continue
		}
		most = max(most, math.Abs(float64(got[i].Logprob-want[i].Logprob)), math.Abs(float64(got[i].Drawn-want[i].Drawn)))
	}
	f.add(t, "draws by the kernel that are not the host's", float64(apart)/rows, "", 0)
	if apart > 3 || most > 1e-4 {
		t.Errorf("%d of %d tokens are others, log-probabilities off by %v", apart, rows, most)
	}
	cost := seconds(s, 10, func(s *torch.Scope) { logits.DrawThere(got, nil) })
	f.add(t, "512 draws with top-p", cost*1e3, "ms", rows*vocabulary*4*drawPasses/f.Bandwidth/cost)
}

// drawPasses is how often a draw with top-p reads its row: for the largest, for
// the mass as it is, with temperature and of what is kept, ten times to find the
// bound, and to find the token.
const drawPasses = 15
