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

// stepMemory is what stays of a training on a Llama of eight layers, and what a
// step of eight pairs of 64 + 2·48 tokens takes at most beside it; and what was
// forecast.
func stepMemory(t *testing.T, c configs.DPO, dtype string) (stays, most int64, forecast Footprint) {
	t.Helper()
	f, err := hf.Open(randomLlama(t, map[string]any{
		"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 8,
		"num_attention_heads": 4, "num_key_value_heads": 2,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := model.DType(dtype)
	if err != nil {
		t.Fatal(err)
	}
	const pairs = 8
	c.MicroTokens = pairs * (64 + 2*48)
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
				tr = &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, model.Params(p), c, sharing{})}
			}
		})
		if err != nil {
			return err
		}
		config, params := tr.policy.Config(), int64(0)
		for _, w := range tr.opt.weights {
			params += w.Len()
		}
		forecast = Forecast(c, dtype, config, params, params, 1)
		_, most = s.Metered(func(s *torch.Scope) { _, err = tr.step(t.Context(), s, 0) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return stays, most, forecast
}

// TestForecast: what stays is, to the byte, weights, gradients and moments: 12
// bytes a weight for a bf16 model with bf16 moments. What a step takes beside it
// is at most what is forecast, and not much less; a copy of all gradients would
// not fit in.
func TestForecast(t *testing.T) {
	var kept int64
	for _, test := range []struct {
		dtype, moments string
		checkpointing  bool
		width          int64 // bytes a weight
	}{
		{"float32", "float32", false, 16},
		{"float32", "float32", true, 16},
		{"bfloat16", "bfloat16", false, 12},
		{"bfloat16", "bfloat16", true, 12},
	} {
		c := goldenConfig()
		c.Moments, c.GradientCheckpointing = test.moments, test.checkpointing
		stays, most, want := stepMemory(t, c, test.dtype)
		params := want.Gradients / 4
		if stays != want.Weights+want.Gradients+want.Moments || stays != test.width*params {
			t.Errorf("%+v: %d bytes stay of %d weights, forecast %+v", test, stays, params, want)
		}
		if step := want.Layers + want.Head; most > step || most < step/2 {
			t.Errorf("%+v: a step takes %d bytes at most, forecast %d", test, most, step)
		}
		t.Logf("%+v: %.2f MiB stay; a step takes %.2f MiB more, forecast %.2f + %.2f", test,
			float64(stays)/(1<<20), float64(most)/(1<<20), float64(want.Layers)/(1<<20), float64(want.Head)/(1<<20))
		if !test.checkpointing {
			kept = most
		} else if most > kept/2 {
			t.Errorf("%+v: a step takes %d bytes, %d without gradient checkpointing: want less than half", test, most, kept)
		}
	}
}
