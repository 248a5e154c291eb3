package hf

import (
	"os"
	"strings"
	"testing"
)

const adapterText = `{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "bias": "none", "use_dora": false, "rank_pattern": {}}`

// TestAdapterFaults: what this package would not do as PEFT does is refused by
// its key; all faults at once.
func TestAdapterFaults(t *testing.T) {
	if _, err := parseAdapter([]byte(adapterText)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{`"r": 4`, `"r": 0`, "r: 0 is no rank"},
		{`"r": 4`, `"r": "4"`, "r: want"},
		{`["q_proj"]`, `"(?=q)"`, `target_modules: "(?=q)" is a pattern that is not supported here`},
		{`["q_proj"]`, `[]`, "target_modules: names no layer"},
		{`["q_proj"]`, `[3]`, "target_modules: want"},
		{`"LORA"`, `"LOHA"`, `peft_type: "LOHA" is not supported here`},
		{`"none"`, `"all"`, `bias: "all" is not supported here`},
		{`"use_dora": false`, `"use_dora": true`, "use_dora: true is not supported here"},
		{`"rank_pattern": {}`, `"rank_pattern": {"q": 0.5}`, "rank_pattern: 0.5 is no rank"},
		{`"rank_pattern": {}`, `"rank_pattern": {"q": "8"}`, "rank_pattern: want"},
		{`"rank_pattern": {}`, `"alpha_pattern": {"(": 8}`, `alpha_pattern: "(" is a pattern`},
		{`"rank_pattern": {}`, `"modules_to_save": ["lm_head"]`, `modules_to_save: ["lm_head"] is not supported here`},
		{`"use_dora": false`, `"init_lora_weights": "pissa"`, `init_lora_weights: "pissa" changes the base model`},
		{`"use_dora": false`, `"invented_later": 3`, "invented_later: 3 is not supported here"},
		{`{`, `[`, "line 1"},
	} {
		_, err := parseAdapter([]byte(strings.Replace(adapterText, tt.old, tt.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.new, err, tt.want)
		}
	}
	a, err := parseAdapter([]byte(strings.Replace(adapterText, `"rank_pattern": {}`, `"rank_pattern": {"z_proj": 2, "0.q_proj": 8}, "alpha_pattern": {"q": 1, ".*": 3}`, 1)))
	if rank, alpha := a.Of("model.layers.10.q_proj"); err != nil || rank != 4 || alpha != 3 {
		t.Errorf("rank %d, alpha %v (%v)", rank, alpha, err)
	}
	if rank, _ := a.Of("model.layers.0.q_proj"); rank != 8 {
		t.Errorf("rank %d", rank)
	}
	_, err = parseAdapter([]byte(`{"peft_type": "X", "r": -1}`))
	for _, want := range []string{"peft_type", "r: ", "target_modules"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

func FuzzAdapter(f *testing.F) {
	f.Add([]byte(adapterText))
	for _, name := range []string{"attention", "all-rs"} {
		text, err := os.ReadFile("../model/testdata/adapters/" + name + "/adapter_config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if a, err := parseAdapter(text); err == nil && (a.Rank < 1 || len(a.Targets) == 0 && a.Target == "") {
			t.Errorf("%s gave %+v", text, a)
		}
	})
}
