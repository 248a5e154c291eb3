package hf

import (
	"errors"
	"fmt"
	"io/fs"
)

// A GenerationConfig holds the special ids of generation_config.json. Sampling
// settings there are not ours to follow.
type GenerationConfig struct {
	BOS []int // none, one or several ids
	EOS []int // every id that ends a turn, e.g. 128001 and 128009
	PAD int   // -1: none
}

// GenerationConfig reads generation_config.json; what it lacks is taken from
// config.json.
func (f *Folder) GenerationConfig() (GenerationConfig, error) {
	c, err := f.readGeneration()
	if err != nil {
		return GenerationConfig{}, fmt.Errorf("read generation_config.json of %s: %w", f.name, err)
	}
	return c, nil
}

func (f *Folder) readGeneration() (GenerationConfig, error) {
	base, err := f.readConfig()
	if err != nil {
		return GenerationConfig{}, fmt.Errorf("config.json: %w", err)
	}
	c := GenerationConfig{BOS: base.BOS, EOS: base.EOS, PAD: base.PAD}
	text, err := f.readText("generation_config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return c, err
	}
	k, err := parseKeys(text)
	if err != nil {
		return c, err
	}
	if k.has("bos_token_id") {
		c.BOS = k.ids("bos_token_id")
	}
	if k.has("eos_token_id") {
		c.EOS = k.ids("eos_token_id")
	}
	if k.has("pad_token_id") {
		c.PAD = k.id("pad_token_id")
	}
	return c, joinSome(k.faults)
}
