package configs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxBytes is the largest file that is read. A run takes a page; the limit
// bounds the time that a hostile file can cost.
const MaxBytes = 64 << 10

// Load reads a run from a file: defaults, then the file, then overrides such
// as "dpo.beta=0.05". Relative paths in the file are relative to its folder,
// those of overrides to the current one. A model is taken for a folder when
// one of that name lies there, or when it starts with a dot, and for a name in
// the Hugging Face cache otherwise.
//
// Bad content gives [Errors], all faults at once.
func Load(path string, sets []string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	return parse(path, data, sets, filepath.Dir(path))
}

// Parse is [Load] on bytes. Paths stay as written; name is for messages.
func Parse(name string, data []byte, sets []string) (Config, error) {
	return parse(name, data, sets, "")
}

// Override applies overrides to c. It is for stages run alone: the whole loop's
// needs, such as a prompt file, may stay unmet.
func Override(c Config, sets []string) (Config, error) {
	r := newReader(&c)
	r.overrides(sets)
	c.settle(r.written)
	c.settleParity(r.written)
	if faults := r.judge("", slices.Concat(c.ranges(), c.asks(), c.sends())); len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

func parse(name string, data []byte, sets []string, folder string) (Config, error) {
	c := Default()
	r := newReader(&c)
	readable := r.file(name, data)
	if folder != "" {
		c.locate(folder)
	}
	r.overrides(sets)
	c.settle(r.written)
	c.settleParity(r.written)
	var found Errors
	if readable { // else what follows from the missing keys is noise
		found = append(c.ranges(), c.needs()...)
	}
	if faults := r.judge(name, found); len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

// locate makes the relative paths of a file relative to its folder.
func (c *Config) locate(folder string) {
	for _, path := range []*string{&c.Prompts.Path, &c.Ranker.Judge.Prompt, &c.Ranker.Remote.Cache, &c.Sampler.Remote.Publish} {
		if *path != "" && *path != BuiltIn && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
	for _, model := range []*string{&c.Model, &c.Ranker.Model} {
		if *model == "" || *model == BuiltIn || filepath.IsAbs(*model) {
			continue
		}
		beside := filepath.Join(folder, *model)
		if info, err := os.Stat(beside); strings.HasPrefix(*model, ".") || err == nil && info.IsDir() {
			*model = beside
		}
	}
}
