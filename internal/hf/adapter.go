package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	adapterConfigFile  = "adapter_config.json"
	adapterWeightsFile = "adapter_model.safetensors"
)

// AllLinear as the one target stands for every linear layer but the head.
const AllLinear = "all-linear"

// An Adapter is what PEFT's adapter_config.json says of a LoRA adapter
// (arXiv:2106.09685).
type Adapter struct {
	Base    string // what it was trained on
	Rank    int
	Alpha   float64
	RSLoRA  bool     // scale Alpha/√Rank (arXiv:2312.03732), not Alpha/Rank
	Targets []string // layers, by their names or the ends of these
}

// adapterNotes are keys that change nothing of what an adapter computes.
var adapterNotes = []string{
	"auto_mapping", "corda_config", "eva_config", "inference_mode", "loftq_config", "lora_dropout", "megatron_core",
	"peft_version", "qalora_group_size", "revision", "task_type",
}

// Adapter reads a folder that PEFT saved. The tensors are mapped until Close.
func (f *Folder) Adapter() (Adapter, []Tensor, error) {
	a, err := f.adapterConfig()
	if err != nil {
		return a, nil, fmt.Errorf("read %s of %s: %w", adapterConfigFile, f.name, err)
	}
	file, err := f.mapNamed(adapterWeightsFile)
	if err != nil {
		return a, nil, fmt.Errorf("read the adapter of %s: %w", f.name, err)
	}
	return a, file.Tensors, nil
}

func (f *Folder) adapterConfig() (Adapter, error) {
	text, err := f.readText(adapterConfigFile)
	if err != nil {
		return Adapter{}, err
	}
	return parseAdapter(text)
}

// parseAdapter refuses every setting that this file does not know, unless it
// is off.
func parseAdapter(text []byte) (Adapter, error) {
	k, err := parseKeys(text)
	if err != nil {
		return Adapter{}, err
	}
	a := Adapter{Base: value(k, "base_model_name_or_path", ""), Rank: value(k, "r", 0), Alpha: value(k, "lora_alpha", 0.0), RSLoRA: value(k, "use_rslora", false)}
	if err := json.Unmarshal(k.raw["target_modules"], &a.Targets); err != nil {
		if target := value(k, "target_modules", ""); target == AllLinear {
			a.Targets = []string{AllLinear}
		} else {
			k.fault("target_modules", errors.New("want a list of layers; patterns are not supported here"))
		}
	}
	if kind := value(k, "peft_type", ""); kind != "LORA" {
		k.fault("peft_type", fmt.Errorf("%q is not supported here; LORA is", kind))
	}
	if bias := value(k, "bias", "none"); bias != "none" {
		k.fault("bias", fmt.Errorf("%q is not supported here; none is", bias))
	}
	if start := string(k.raw["init_lora_weights"]); !slices.Contains([]string{"", "true", "false", `"gaussian"`}, start) {
		k.fault("init_lora_weights", fmt.Errorf("%s changes the base model too, which is not supported here", start))
	}
	if a.Rank < 1 || a.Rank > 1<<16 {
		k.fault("r", fmt.Errorf("%d is no rank", a.Rank))
	}
	if len(a.Targets) == 0 {
		k.fault("target_modules", errors.New("names no layer"))
	}
	for key, raw := range k.raw {
		read := slices.Contains([]string{"base_model_name_or_path", "r", "lora_alpha", "use_rslora", "target_modules", "peft_type", "bias", "init_lora_weights"}, key)
		if !read && !slices.Contains(adapterNotes, key) && !isOff(raw) {
			k.fault(key, fmt.Errorf("%.60s is not supported here", raw))
		}
	}
	return a, errors.Join(k.faults...)
}

// isOff says whether a JSON value is null, false, zero or empty.
func isOff(raw json.RawMessage) bool {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return false
	}
	return slices.Contains([]string{"null", "false", "0", "0.0", `""`, "{}", "[]"}, compact.String())
}

// SaveAdapter writes a new folder that PEFT loads.
func SaveAdapter(dir string, a Adapter, tensors []Tensor) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var base, targets any = nil, a.Targets
	if a.Base != "" {
		base = a.Base
	}
	if slices.Equal(a.Targets, []string{AllLinear}) {
		targets = AllLinear
	}
	text, err := json.MarshalIndent(map[string]any{
		"base_model_name_or_path": base, "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
		"lora_alpha": a.Alpha, "lora_dropout": 0.0, "peft_type": "LORA", "r": a.Rank, "target_modules": targets,
		"task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": a.RSLoRA,
	}, "", "  ")
	if err != nil {
		return err
	}
	err = writeNew(filepath.Join(dir, adapterConfigFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if err := WriteFile(filepath.Join(dir, adapterWeightsFile), tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	return syncDir(dir)
}
