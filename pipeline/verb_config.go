package pipeline

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"radpo/configs"
	"radpo/internal/flow"
)

// ConfigFile is where a run folder keeps the configuration that it was run
// with, overrides included and paths absolute: the folder alone is enough to
// report on the run or to continue it.
const ConfigFile = "config.yaml"

func keepConfig(store *flow.Store, c configs.Config) error {
	if err := absolute(&c); err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write %s: %w", ConfigFile, err)
	}
	if err := os.RemoveAll(filepath.Join(store.Dir(), sumsFile)); err != nil { // until the report is written
		return err
	}
	return replace(filepath.Join(store.Dir(), ConfigFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// absolute makes paths mean the same from any folder. A model that is no
// folder is a name in the Hugging Face cache and stays.
func absolute(c *configs.Config) (err error) {
	for _, model := range []*string{&c.Model, &c.Ranker.Model} {
		if info, failed := os.Stat(*model); failed == nil && info.IsDir() && *model != configs.BuiltIn {
			if *model, err = filepath.Abs(*model); err != nil {
				return err
			}
		}
	}
	for _, path := range []*string{&c.Prompts.Path, &c.Ranker.Judge.Prompt, &c.Ranker.Remote.Cache, &c.Sampler.Remote.Publish} {
		if *path == "" || *path == configs.BuiltIn {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}
