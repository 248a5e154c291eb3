package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// ShardLimit is the usual most bytes of tensor data in one file of a model.
const ShardLimit = 5_000_000_000

// copied are the files beside the weights that Save takes over.
var copied = []string{
	"config.json", "generation_config.json",
	"tokenizer*.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
	"chat_template.jinja",
}

// Save writes a model folder that transformers loads: the tensors, in one file
// or in shards of at most shardLimit bytes with an index (0 means ShardLimit),
// and base's configuration and tokenizer files byte for byte, but for the
// element type that config.json names: it becomes that of the tensors when they
// have one in common. Base may be nil. Where lm_head is tied to the embeddings,
// transformers leaves it out.
//
// It makes dir when absent and never writes over a file, so tensors mapped
// from an older folder stay as they are. All is synced on return; after an
// error dir is incomplete.
func Save(dir string, base *Folder, tensors []Tensor, shardLimit int64) error {
	if err := save(dir, base, tensors, shardLimit); err != nil {
		return fmt.Errorf("save model %s: %w", dir, err)
	}
	return nil
}

func save(dir string, base *Folder, tensors []Tensor, shardLimit int64) error {
	if err := checkTensors(tensors); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if old, _ := filepath.Glob(filepath.Join(dir, "model*.safetensors*")); len(old) > 0 {
		return fmt.Errorf("%s exists; save to a new folder", filepath.Base(old[0]))
	}
	if base != nil {
		if err := base.copyTo(dir, dtypeOf(tensors)); err != nil {
			return err
		}
	}
	if shardLimit <= 0 {
		shardLimit = ShardLimit
	}
	if err := writeShards(dir, shard(tensors, shardLimit)); err != nil {
		return err
	}
	return syncDir(dir)
}

// shard splits tensors, in their order, into files of at most limit bytes; a
// tensor above the limit gets a file of its own, as huggingface_hub does.
func shard(tensors []Tensor, limit int64) (shards [][]Tensor) {
	var current []Tensor
	used := int64(0)
	for _, t := range tensors {
		size := t.size()
		if size > limit {
			shards = append(shards, []Tensor{t})
			continue
		}
		if used+size > limit {
			shards = append(shards, current)
			current, used = nil, 0
		}
		current, used = append(current, t), used+size
	}
	if len(current) > 0 || len(shards) == 0 {
		shards = append(shards, current)
	}
	return shards
}

func writeShards(dir string, shards [][]Tensor) error {
	meta := map[string]string{"format": "pt"} // transformers refuses files without it
	if len(shards) == 1 {
		return WriteFile(filepath.Join(dir, weightsFile), shards[0], meta)
	}
	var index struct {
		Metadata struct {
			TotalSize int64 `json:"total_size"`
		} `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	index.WeightMap = map[string]string{}
	for i, tensors := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		for _, t := range tensors {
			index.Metadata.TotalSize += t.size()
			index.WeightMap[t.Name] = name
		}
		if err := WriteFile(filepath.Join(dir, name), tensors, meta); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, indexFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// copyTo copies the files named in copied that the folder has. Config.json
// gets another dtype, unless that is "".
func (f *Folder) copyTo(dir, dtype string) error {
	names, err := f.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		wanted := slices.ContainsFunc(copied, func(pattern string) bool {
			ok, _ := path.Match(pattern, name)
			return ok
		})
		if !wanted {
			continue
		}
		to := filepath.Join(dir, name)
		if name == "config.json" && dtype != "" {
			err = f.copyConfig(to, dtype)
		} else {
			err = f.copyFile(name, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) copyFile(name, to string) error {
	from, err := f.open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	return writeNew(to, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}

func (f *Folder) copyConfig(to, dtype string) error {
	text, err := f.readText("config.json")
	if err != nil {
		return err
	}
	if text, err = restate(text, dtype); err != nil {
		return err
	}
	return writeNew(to, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
