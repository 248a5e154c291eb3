package dpo

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// A rig is a training of random weights that draws a device's limits.
type rig struct {
	width, feed, layers, heads, groups, head, vocabulary int

	prompt, response int // tokens
	pairs, budget    int // of a step; tokens of a micro-batch
	query, span      int // tokens of the attention that is looked at, and those that they see
}

// large is Llama-3-8B on pairs of the usual length, small its like for the CPU.
var (
	large = rig{4096, 14336, 32, 32, 8, 128, 128256, 295, 450, 96, 8192, 1024, 2048}
	small = rig{64, 224, 4, 4, 2, 16, 1000, 37, 48, 8, 560, 128, 256}
)

// figures are the lines of docs/gpu.md.
type figures struct {
	strings.Builder
	t *testing.T
}

func (f *figures) add(name string, value float64, unit string, share float64) {
	f.t.Logf("%s: %.4g %s, %.0f %%", name, value, unit, 100*share)
	fmt.Fprintf(f, "| %s | %s | %.4g %s | %.0f %% |\n", time.Now().UTC().Format(time.DateOnly), name, value, unit, 100*share)
}

// TestGPU trains on a GPU as make gpu-check wants it: on an H200 the whole of an
// 8B model, elsewhere as many of its layers as fit.
func TestGPU(t *testing.T) {
	device, err := torch.OpenDevice("cuda")
	if err != nil {
		t.Skipf("nothing checked: %v", err)
	}
	free, _, err := torch.Memory(device)
	if err != nil {
		t.Fatal(err)
	}
	r := large
	for r.layers > 1 && r.forecast().Total() > free/20*19 {
		r.layers--
	}
	f := &figures{t: t}
	r.check(t, device, f)
	left, total, err := torch.Memory(device)
	if err != nil {
		t.Fatal(err)
	}
	f.add("G3: memory that the device gave", float64(free-left)/1e9, "GB", float64(free-left)/float64(total))
	if dir := os.Getenv("GPU_CHECK"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "gpu-train.md"), []byte(f.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRig is TestGPU at small size on the CPU.
func TestRig(t *testing.T) { small.check(t, torch.CPU, &figures{t: t}) }

func (r rig) check(t *testing.T, d torch.Device, f *figures) {
	dir := r.folder(t)
	err := torch.Run(t.Context(), d, func(s *torch.Scope) error {
		s.Each(func(s *torch.Scope) { r.attention(t, s, f) })
		return r.training(t, s, dir, f)
	})
	if err != nil {
		t.Error(err)
	}
}

// settings are the plan of 12 bytes a weight.
func (r rig) settings() configs.DPO {
	c := configs.Default().DPO
	c.Moments, c.Batch, c.MicroTokens, c.Warmup = "bfloat16", r.pairs, r.budget, 0
	return c
}

func (r rig) config() hf.Config {
	return hf.Config{HiddenSize: r.width, IntermediateSize: r.feed, NumHiddenLayers: r.layers, VocabSize: r.vocabulary}
}

// layer is the weights of one, without norms.
func (r rig) layer() int64 {
	return int64(r.width) * int64(2*r.heads*r.head+2*r.groups*r.head+3*r.feed)
}

// forecast is what the training takes, to a thousandth.
func (r rig) forecast() Footprint {
	params := int64(r.layers)*r.layer() + 2*int64(r.vocabulary)*int64(r.width)
	return Forecast(r.settings(), "bfloat16", r.config(), params, params, 1)
}

// folder is a model folder whose weights are zeros that take no space.
func (r rig) folder(t *testing.T) string {
	t.Helper()
	dir, shapes := llamaFolder(t, map[string]any{
		"vocab_size": r.vocabulary, "hidden_size": r.width, "intermediate_size": r.feed, "num_hidden_layers": r.layers,
		"num_attention_heads": r.heads, "num_key_value_heads": r.groups, "head_dim": r.head, "max_position_embeddings": 8192,
	})
	type entry struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header, end := map[string]entry{}, int64(0)
	for _, p := range shapes {
		n := int64(2)
		for _, d := range p.Weight.Shape {
			n *= d
		}
		header[p.Name] = entry{"BF16", p.Weight.Shape, [2]int64{end, end + n}}
		end += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	if err := os.WriteFile(path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8+int64(len(text))+end); err != nil {
		t.Fatal(err)
	}
	return dir
}

// drawn fills weights with normal numbers, norms with 1.
func drawn(s *torch.Scope, params []model.Param) {
	const some = 1 << 20
	rng, values := rand.New(rand.NewPCG(7, 8)), make([]float32, some)
	for i := range values {
		values[i] = float32(0.02 * rng.NormFloat64())
	}
	s.Each(func(s *torch.Scope) {
		from := s.To(s.Floats(values, some), torch.BFloat16)
		for _, p := range params {
			w := flat(s, p.Weight.Tensor)
			if len(p.Weight.Shape) == 1 {
				w.Set(s.Floats([]float32{1}, 1))
				continue
			}
			for i := int64(0); i < w.Len(); i += some {
				n := min(some, w.Len()-i)
				s.Narrow(w, 0, i, n).Set(s.Narrow(from, 0, 0, n))
			}
		}
	})
}

// training is G3: the first step warms up, the second is timed and metered. What stays
// is the forecast to the byte, what a step takes beside it at most that.
func (r rig) training(t *testing.T, s *torch.Scope, dir string, f *figures) error {
	folder, err := hf.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	c := r.settings()
	o, err := newObjective(c)
	if err != nil {
		return err
	}
	rng, rows := rand.New(rand.NewPCG(5, 6)), make([]row, r.pairs)
	for i := range rows {
		rows[i] = row{id: fmt.Sprint(i), prompt: randomIDs(rng, r.prompt), chosen: randomIDs(rng, r.response), rejected: randomIDs(rng, r.response)}
	}
	var tr *trainer
	stays, _ := s.Metered(func(s *torch.Scope) {
		var p model.Policy
		if p, err = model.OpenPolicy(s, folder, torch.BFloat16, true); err != nil {
			return
		}
		drawn(s, model.Params(p))
		tr = &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, model.Params(p), c, sharing{})}
	})
	if err != nil {
		return err
	}
	params := int64(0)
	for _, w := range tr.opt.weights {
		params += w.Len()
	}
	want := Forecast(c, "bfloat16", r.config(), params, params, 1)
	if kept := want.Total() - want.Layers - want.Head; stays != kept || stays != 12*params {
		t.Errorf("%d bytes stay of %d weights, forecast %d", stays, params, kept)
	}
	var took float64
	var most int64
	for i := range 2 {
		var m Step
		start := time.Now()
		_, most = s.Metered(func(s *torch.Scope) { m, err = tr.step(t.Context(), s, i) })
		if err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) { s.Zeros(torch.Float, 1).Item() }) // the device may still be at work
		took = time.Since(start).Seconds()
		if tr.history = append(tr.history, m); !torch.Finite(m.Loss) || m.GradNorm == 0 {
			t.Errorf("step %d: %+v", i+1, m)
		}
	}
	if step := want.Layers + want.Head; most > step {
		t.Errorf("a step takes %d bytes at most, forecast %d", most, step)
	}
	f.add(fmt.Sprintf("G3: %d layers, what stays", r.layers), float64(stays)/1e9, "GB", float64(stays)/float64(want.Total()))
	f.add("G3: what a step takes beside it; share of the forecast", float64(most)/1e9, "GB", float64(most)/float64(want.Layers+want.Head))
	rate := float64(r.pairs) / took
	f.add("G3: DPO, all weights", rate, "pairs/s", rate*r.operations()/deviceFlops)
	return nil
}

// deviceFlops is an H100's and an H200's, bf16, a second.
const deviceFlops = 989e12

// operations are those of a pair's products with weights, forward once and
// backward twice.
func (r rig) operations() float64 {
	body := float64(r.layers) * float64(r.layer()) * float64(r.prompt+2*r.response)
	return 6 * (body + float64(r.vocabulary)*float64(r.width)*float64(2*r.response))
}

// attention holds that of grouped heads behind a mask, as responses have it, to
// plain operators in fp32, values and gradients; and it keeps no scores.
func (r rig) attention(t *testing.T, s *torch.Scope, f *figures) {
	const rows = 2
	n, h, g, k, q, span := int64(rows), int64(r.heads), int64(r.groups), int64(r.head), int64(r.query), int64(r.span)
	mask := make([]bool, rows*r.query*r.span)
	for i := range mask {
		row, at, key := i/(r.query*r.span), i/r.span%r.query, i%r.span
		mask[i] = key <= at+r.span/2-row*7 // behind half a span of prompt
	}
	rng := rand.New(rand.NewPCG(9, 10))
	noise := func(shape ...int64) torch.Tensor {
		values := make([]float32, shape[0]*shape[1]*shape[2]*shape[3])
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		return s.To(s.Floats(values, shape...), torch.BFloat16)
	}
	in := []torch.Tensor{noise(n, h, q, k), noise(n, g, span, k), noise(n, g, span, k)}
	pull, sees := noise(n, h, q, k), s.Bools(mask, n, 1, q, span)
	run := func(s *torch.Scope, d torch.DType, attend func(*torch.Scope, []torch.Tensor) torch.Tensor) (results [][]float32, most int64) {
		var x, into []torch.Tensor
		for _, v := range in {
			copied := s.To(s.Scale(v, 1), d)
			x, into = append(x, s.Trainable(copied)), append(into, s.Zeros(torch.Float, v.Shape()...))
		}
		var out torch.Tensor
		_, most = s.Metered(func(s *torch.Scope) {
			out = attend(s, x)
			torch.Gradients(s.Sum(s.Mul(out, s.To(pull, d))), x, into)
		})
		for _, v := range append(into, s.To(s.Detach(out), torch.Float)) {
			results = append(results, v.Floats())
		}
		return results, most
	}
	got, most := run(s, torch.BFloat16, func(s *torch.Scope, x []torch.Tensor) torch.Tensor {
		return s.Attention(x[0], x[1], x[2], sees, true)
	})
	want, _ := run(s, torch.Float, func(s *torch.Scope, x []torch.Tensor) torch.Tensor {
		scores := s.Scale(s.MatMul(s.View(x[0], n, g, h/g*q, k), s.Transpose(x[1], 2, 3)), 1/math.Sqrt(float64(k)))
		weights := s.MaskedSoftmax(s.View(scores, n, h, q, span), sees)
		return s.View(s.MatMul(s.View(weights, n, g, h/g*q, span), x[2]), n, h, q, k)
	})
	for i, name := range []string{"the queries' gradient", "the keys'", "the values'", "the result"} {
		var off, size float64
		for j, w := range want[i] {
			off, size = max(off, math.Abs(float64(got[i][j]-w))), max(size, math.Abs(float64(w)))
		}
		if !(off < 0.03*size) {
			t.Errorf("attention: %s is off by %.3g of %.3g", name, off, size)
		}
	}
	scores := 4 * n * h * q * span
	if most > scores {
		t.Errorf("attention takes %d bytes, and one matrix of scores is %d", most, scores)
	}
	f.add("check 4: memory of a response's attention, of its scores", float64(most)/1e6, "MB", float64(most)/float64(scores))
}
