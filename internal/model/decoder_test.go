package model_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// folders lists the tiny models that tools/golden/decoders.py made.
func folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/*/golden.safetensors")
	if err != nil || len(found) < 4 {
		t.Fatalf("want at least four golden folders, got %v (%v)", found, err)
	}
	for i, f := range found {
		found[i] = filepath.Dir(f)
	}
	return found
}

// withPolicy calls fn with the model in dir and fails t when handles leak.
func withPolicy(t *testing.T, dir string, d torch.DType, trainable bool, fn func(*torch.Scope, model.Policy)) {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := torch.Live()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, d, trainable)
		if err == nil {
			fn(s, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := torch.Live() - before; n != 0 {
		t.Errorf("%d handles leaked", n)
	}
}

func input(s *torch.Scope, ids []int64, rows, width int64) model.Input {
	positions := make([]int64, len(ids))
	for i := range positions {
		positions[i] = int64(i) % width
	}
	return model.Input{IDs: s.Longs(ids, rows, width), Positions: s.Longs(positions, rows, width)}
}

// TestLogits holds logits to transformers': in fp32 within golden.F32; in
// bf16 no further, in root mean square, from the fp32 run of the same weights
// than transformers' own bf16 run is.
func TestLogits(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ref := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			shape := ref.Shape("ids")
			logits := func(d torch.DType) (got []float32) {
				withPolicy(t, dir, d, false, func(s *torch.Scope, p model.Policy) {
					s.NoGrad(func(s *torch.Scope) {
						got = s.To(p.Logits(s, p.Hidden(s, input(s, ref.Ints("ids"), shape[0], shape[1]))), torch.Float).Floats()
					})
				})
				return got
			}
			ref.Check("logits", logits(torch.Float), golden.F32)
			if strings.HasSuffix(dir, "-bf16") {
				want := ref.Floats("logits")
				ours, theirs := distance(logits(torch.BFloat16), want), distance(ref.Floats("logits_bf16"), want)
				if !(ours <= theirs) {
					t.Errorf("bf16 logits are %.3g from fp32, transformers' own %.3g", ours, theirs)
				}
			}
		})
	}
}

// distance is the root mean square of got − want.
func distance(got, want []float32) float64 {
	var sum float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(want)))
}

// TestGradients holds every parameter's gradient of the mean
// cross-entropy of next tokens to transformers'.
func TestGradients(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ref := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			withPolicy(t, dir, torch.Float, true, func(s *torch.Scope, p model.Policy) { checkGradients(t, s, p, ref, model.Params(p)) })
		})
	}
}

// checkGradients holds the mean cross-entropy of next tokens and its gradients
// to a golden.
func checkGradients(t *testing.T, s *torch.Scope, p model.Policy, ref *golden.File, params []model.Param) {
	t.Helper()
	shape, ids := ref.Shape("ids"), ref.Ints("ids")
	var weights, grads []torch.Tensor
	for _, param := range params {
		weights = append(weights, s.Trainable(param.Weight.Tensor))
		grads = append(grads, s.Zeros(torch.Float, param.Weight.Shape...))
	}
	var from, to []int64
	for i := range ids {
		if int64(i)%shape[1] != 0 {
			from, to = append(from, int64(i-1)), append(to, ids[i])
		}
	}
	hidden := p.Hidden(s, input(s, ids, shape[0], shape[1]))
	rows := s.Index(s.View(hidden, -1, hidden.Dim(-1)), 0, s.Longs(from, int64(len(from))))
	loss := s.Neg(s.Mean(p.Logps(s, rows, s.Longs(to, int64(len(to))))))
	ref.Check("loss", loss.Floats(), golden.F32)
	torch.Gradients(loss, weights, grads)
	for i, param := range params {
		ref.Check("grad."+param.Name, grads[i].Floats(), golden.F32)
	}
}

// padded is a batch of rows padded to the longest with id 0, on the left or on
// the right, and where its tokens are, [N].
func padded(s *torch.Scope, rows [][]int64, left bool) (in model.Input, tokens []int64) {
	width := 0
	for _, row := range rows {
		width = max(width, len(row))
	}
	ids, positions := make([]int64, len(rows)*width), make([]int64, len(rows)*width)
	mask := make([]bool, len(rows)*width*width)
	for b, row := range rows {
		first := 0
		if left {
			first = width - len(row)
		}
		for i := range width {
			mask[(b*width+i)*width+i] = true // padding sees itself
		}
		for t, id := range row {
			at := b*width + first + t
			ids[at], positions[at], tokens = id, int64(t), append(tokens, int64(at))
			for j := range t {
				mask[at*width+first+j] = true
			}
		}
	}
	n, t := int64(len(rows)), int64(width)
	return model.Input{IDs: s.Longs(ids, n, t), Positions: s.Longs(positions, n, t), Mask: s.Bools(mask, n, 1, t, t)}, tokens
}

// TestPaddedBatches holds logits of rows of unlike length, padded on either
// side, to transformers'.
func TestPaddedBatches(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ref := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			ids, width := ref.Ints("ids"), ref.Shape("ids")[1]
			var rows [][]int64
			for i, n := range ref.Ints("lengths") {
				rows = append(rows, ids[int64(i)*width:int64(i)*width+n])
			}
			withPolicy(t, dir, torch.Float, false, func(s *torch.Scope, p model.Policy) {
				for _, side := range []string{"left", "right"} {
					in, tokens := padded(s, rows, side == "left")
					hidden := p.Hidden(s, in)
					at := s.Index(s.View(hidden, -1, hidden.Dim(-1)), 0, s.Longs(tokens, int64(len(tokens))))
					ref.Check(side, p.Logits(s, at).Floats(), golden.F32)
				}
			})
		})
	}
}

// TestForksEqualPlain holds log-probabilities with a shared prompt, branches
// and padding to those of each sequence alone.
func TestForksEqualPlain(t *testing.T) {
	forks := []model.Fork{
		{Prompt: []int32{1, 5, 9, 13}, Responses: [][]int32{{7, 8, 2}, {30, 31, 32, 33, 34, 35, 36, 37, 2}, {4}}},
		{Prompt: []int32{1, 6}, Responses: [][]int32{{11, 2}}},
	}
	for _, dir := range folders(t) {
		withPolicy(t, dir, torch.Float, false, func(s *torch.Scope, p model.Policy) {
			got := model.NewForks(s, forks).Logps(s, p).Floats()
			var want []float32
			for _, f := range forks {
				for _, r := range f.Responses {
					want = append(want, alone(s, p, f.Prompt, r)...)
				}
			}
			if rel := golden.MaxRel(got, want); rel > 1e-5 {
				t.Errorf("%s: relative error %.3g", dir, rel)
			}
		})
	}
}

// alone is the log-probability of each token of response as plain causal
// attention has it.
func alone(s *torch.Scope, p model.Policy, prompt, response []int32) []float32 {
	var ids, targets []int64
	for _, id := range slices.Concat(prompt, response) {
		ids = append(ids, int64(id))
	}
	for _, id := range response {
		targets = append(targets, int64(id))
	}
	n, k := int64(len(ids)), int64(len(targets))
	hidden := s.Select(p.Hidden(s, input(s, ids, 1, n)), 0, 0)
	return p.Logps(s, s.Narrow(hidden, 0, n-k-1, k), s.Longs(targets, k)).Floats()
}

// TestSaveAndLoad: a saved model has the same bytes and answers the same.
func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "saved")
	base, err := hf.Open("testdata/tied")
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	withPolicy(t, "testdata/tied", torch.Float, true, func(s *torch.Scope, p model.Policy) {
		if err := model.Save(dir, base, p); err != nil {
			t.Fatal(err)
		}
	})
	want, err := os.ReadFile("testdata/tied/config.json")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "config.json")); string(got) != string(want) {
		t.Error("config.json was not copied byte for byte")
	}
	ref := golden.Open(t, "testdata/tied/golden.safetensors")
	shape := ref.Shape("ids")
	withPolicy(t, dir, torch.Float, false, func(s *torch.Scope, p model.Policy) {
		ref.Check("logits", p.Logits(s, p.Hidden(s, input(s, ref.Ints("ids"), shape[0], shape[1]))).Floats(), golden.F32)
	})
}

// TestRefusedConfigs: what a config asks for and is not done here is named.
func TestRefusedConfigs(t *testing.T) {
	for _, test := range []struct{ folder, old, new, want string }{
		{"tied", `"silu"`, `"gelu"`, `hidden_act "gelu" is not supported here; llama's is silu`},
		{"gemma2", `"gelu_pytorch_tanh"`, `"gelu"`, `hidden_activation "gelu" is not supported here`},
		{"qwen2", `"qwen2"`, `"llama"`, `architecture Qwen2ForCausalLM has model_type qwen2, not "llama"`},
		{"qwen2", `"Qwen2ForCausalLM"`, `"Qwen2ForTokenClassification"`, "architecture Qwen2ForTokenClassification is not supported here; supported: Gemma2ForCausalLM, LlamaForCausalLM, "},
	} {
		dir := t.TempDir()
		text, err := os.ReadFile(filepath.Join("testdata", test.folder, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), test.old, test.new, 1))
		if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := hf.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := model.CheckPolicy(f); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: got %v, want %s", test.new, test.old, err, test.want)
		}
	}
}

func TestBindReportsAllFaults(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "generation_config.json"} {
		data, err := os.ReadFile(filepath.Join("testdata/tied", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source, err := hf.OpenFile("testdata/tied/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var tensors []hf.Tensor
	for _, x := range source.Tensors {
		switch x.Name {
		case "model.norm.weight":
			continue
		case "model.layers.0.input_layernorm.weight":
			x.Shape, x.Data = []int64{4}, x.Data[:16]
		case "model.layers.1.mlp.up_proj.weight":
			x.Name = "model.layers.1.mlp.upp_proj.weight"
		}
		tensors = append(tensors, x)
	}
	if err := hf.WriteFile(filepath.Join(dir, "model.safetensors"), tensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		_, err := model.OpenPolicy(s, f, torch.Float, false)
		return err
	})
	if err == nil {
		t.Fatal("bound a broken checkpoint")
	}
	for _, want := range []string{"model.norm.weight is missing", "model.layers.0.input_layernorm.weight has shape [4]",
		"model.layers.1.mlp.up_proj.weight is missing", "model.layers.1.mlp.upp_proj.weight is in the checkpoint"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}
