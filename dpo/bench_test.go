package dpo

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// BenchmarkStep is one optimizer step on 32 rows at the size of the built-in
// policy: 3 layers of width 96, prompts of 74 tokens, responses of 22.
func BenchmarkStep(b *testing.B) {
	dir := randomLlama(b, map[string]any{
		"vocab_size": 1100, "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 3,
		"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": true,
	})
	f, err := hf.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	c := configs.Default().DPO
	c.Batch, c.MicroTokens = 32, 8192
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 1024)
	for i := range rows {
		rows[i] = row{prompt: randomIDs(rng, 70+rng.IntN(8)), chosen: randomIDs(rng, 12+rng.IntN(20)), rejected: randomIDs(rng, 12+rng.IntN(20))}
	}
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, torch.Float, true)
		if err != nil {
			return err
		}
		o, err := newObjective(c)
		if err != nil {
			return err
		}
		t := &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, model.Params(p), c, sharing{})}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := t.step(context.Background(), s, i%t.total()); err != nil {
				return err
			}
			i++
		}
		b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func randomIDs(rng *rand.Rand, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = rng.Int32N(1000)
	}
	return ids
}

// llamaFolder is a folder with a Llama's config, and the weights that it wants.
func llamaFolder(tb testing.TB, config map[string]any) (dir string, shapes []model.Param) {
	tb.Helper()
	dir = tb.TempDir()
	whole := map[string]any{"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "rms_norm_eps": 1e-5,
		"max_position_embeddings": 512, "rope_theta": 1e4, "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2}
	maps.Copy(whole, config)
	text, err := json.Marshal(whole)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
		tb.Fatal(err)
	}
	if shapes, err = model.Shapes(dir); err != nil {
		tb.Fatal(err)
	}
	return dir, shapes
}

// randomLlama writes a Llama of the given config with random weights.
func randomLlama(tb testing.TB, config map[string]any) string {
	tb.Helper()
	dir, shapes := llamaFolder(tb, config)
	rng := rand.New(rand.NewPCG(3, 4))
	var tensors []hf.Tensor
	for _, p := range shapes {
		n := int64(1)
		for _, d := range p.Weight.Shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			if data[i] = float32(rng.NormFloat64()) * 0.05; len(p.Weight.Shape) == 1 {
				data[i] = 1
			}
		}
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*n)
		tensors = append(tensors, hf.Tensor{Name: p.Name, DType: hf.F32, Shape: p.Weight.Shape, Data: bytes})
	}
	if err := hf.WriteFile(filepath.Join(dir, "model.safetensors"), tensors, map[string]string{"format": "pt"}); err != nil {
		tb.Fatal(err)
	}
	return dir
}
