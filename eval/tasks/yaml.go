package tasks

import (
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"

	"radpo/internal/table"
)

// maxYAML bounds a task's file, in bytes.
const maxYAML = 1 << 20

// ReadYAML reads examples of a subset out of a task's file of the harness:
// fewshot_config.samples.
func (t Task) ReadYAML(path, subset string, seed int64) ([]Item, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxYAML+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxYAML {
		return nil, fmt.Errorf("%s: more than %d bytes: this is no task of the harness", path, maxYAML)
	}
	var file struct {
		Config struct {
			Samples []map[string]string `yaml:"samples"`
		} `yaml:"fewshot_config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(file.Config.Samples) == 0 {
		return nil, fmt.Errorf("%s: it has no fewshot_config with samples", path)
	}
	var out []Item
	for n, sample := range file.Config.Samples {
		i, err := t.item(table.RecordOf(fmt.Sprintf("%s: sample %d", path, n+1), sample), subset, seed)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}
