package hf

import (
	"errors"
	"fmt"
)

// Entries of layer_types.
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// readWindows finds the layers with a sliding window as transformers does: in
// Mistral all, in Qwen those from max_window_layers on, in Gemma-2 every other
// one, and in both of these as layer_types says where it is there.
func (c *Config) readWindows(k *keys) {
	if len(k.faults) > 0 {
		return // the number of layers may be no number
	}
	window := k.window()
	var slides func(layer int) bool
	switch c.ModelType {
	case "mistral":
		slides = func(int) bool { return window > 0 }
	case "qwen2", "qwen3":
		if !value(k, "use_sliding_window", false) {
			window = 0
		}
		first := value(k, "max_window_layers", 28)
		slides = func(layer int) bool { return window > 0 && layer >= first }
	case "gemma2":
		slides = func(layer int) bool { return layer%2 == 0 }
	default:
		return
	}
	if types := value(k, "layer_types", []string(nil)); types != nil {
		if err := c.checkLayerTypes(types); err != nil {
			k.fault("layer_types", err)
			return
		}
		slides = func(layer int) bool { return types[layer] == slidingAttention }
	}
	for layer := range c.NumHiddenLayers {
		if !slides(layer) {
			continue
		}
		if window == 0 {
			k.fault("sliding_window", fmt.Errorf("there is none, and layer %d is to have one", layer))
			return
		}
		if c.Windows == nil {
			c.Windows = make([]int, c.NumHiddenLayers)
		}
		c.Windows[layer] = window
	}
}

// window is sliding_window: transformers' default when it is absent, and 0
// when it is null.
func (k *keys) window() int {
	if _, given := k.raw["sliding_window"]; given && !k.has("sliding_window") {
		return 0
	}
	return k.size("sliding_window", 4096, maxLength)
}

func (c *Config) checkLayerTypes(types []string) error {
	if c.ModelType == "mistral" {
		return errors.New("not supported for Mistral, whose layers are alike")
	}
	if len(types) != c.NumHiddenLayers {
		return fmt.Errorf("%d entries for %d layers", len(types), c.NumHiddenLayers)
	}
	for _, t := range types {
		if t != fullAttention && t != slidingAttention {
			return fmt.Errorf("want %s or %s, got %.40q", fullAttention, slidingAttention, t)
		}
	}
	return nil
}
