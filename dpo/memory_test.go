package dpo

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// TestGradientCheckpointing: layers that run again for their gradient change
// no bit of weights, moments and metrics.
func TestGradientCheckpointing(t *testing.T) {
	lora := func(targets ...string) func(*configs.DPO) {
		return func(c *configs.DPO) { c.LoRA.Rank, c.LoRA.Targets = 4, targets }
	}
	tests := []struct {
		name  string
		dtype torch.DType
		set   func(*configs.DPO)
	}{
		{"fp32", torch.Float, func(*configs.DPO) {}},
		{"bf16", torch.BFloat16, func(*configs.DPO) {}},
		{"a loss of the whole step", torch.Float, func(c *configs.DPO) { c.Loss = "aot" }},
		{"wpo", torch.Float, func(c *configs.DPO) { c.Weighting = "wpo" }},
		{"LoRA", torch.BFloat16, lora("all-linear")},
		{"LoRA of the last layer", torch.Float, lora("layers.1.self_attn.q_proj")},
		{"LoRA of the first layer", torch.Float, lora("layers.0.self_attn.q_proj")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := goldenConfig()
			tt.set(&c)
			want := content(t, trained(t, c, tt.dtype, "", 3))
			c.GradientCheckpointing = true
			if content(t, trained(t, c, tt.dtype, "", 3)) != want {
				t.Error("with it training ends in other bytes")
			}
		})
	}
}

// stepMemory is what a step of pairs on a Llama of that many layers takes at
// most beside what stays.
func stepMemory(t *testing.T, c configs.DPO, d torch.DType, pairs, layers int) (stays, most int64) {
	t.Helper()
	f, err := hf.Open(randomLlama(t, map[string]any{
		"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": layers,
		"num_attention_heads": 4, "num_key_value_heads": 2,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	rows := make([]row, pairs)
	for i := range rows {
		rows[i] = row{id: fmt.Sprint(i), prompt: randomIDs(rng, 64), chosen: randomIDs(rng, 48), rejected: randomIDs(rng, 48)}
	}
	c.Batch = pairs
	o, err := newObjective(c)
	if err != nil {
		t.Fatal(err)
	}
	err = torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) (err error) {
		var tr *trainer
		stays, _ = s.Metered(func(s *torch.Scope) {
			var p model.Policy
			if p, err = model.OpenPolicy(s, f, d, true); err == nil {
				tr = &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, model.Params(p), c)}
			}
		})
		if err != nil {
			return err
		}
		_, most = s.Metered(func(s *torch.Scope) { _, err = tr.step(t.Context(), s, 0) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stays, most
}

// TestGradientCheckpointingSparesMemory: what a step holds for its backward
// pass is then that of one layer, and of the others what enters them.
func TestGradientCheckpointingSparesMemory(t *testing.T) {
	c := goldenConfig()
	c.MicroTokens = 1 << 20
	_, kept := stepMemory(t, c, torch.Float, 8, 8)
	c.GradientCheckpointing = true
	_, again := stepMemory(t, c, torch.Float, 8, 8)
	t.Logf("at most %d KiB kept, %d KiB with layers that run again", kept>>10, again>>10)
	if again > kept/2 {
		t.Errorf("a step holds at most %d bytes, %d with gradient checkpointing: want less than half", kept, again)
	}
}
