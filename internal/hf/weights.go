package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	weightsFile = "model.safetensors"
	indexFile   = "model.safetensors.index.json"
)

// Tensors maps the weights on first use and returns them in file and data
// order: of model.safetensors, else of the shards of the index, which must
// name exactly the tensors that the shards hold.
func (f *Folder) Tensors() ([]Tensor, error) { return f.load() }

// Rest takes the mapped weights out of the process's resident memory. They can
// still be used, and are read again then.
func (f *Folder) Rest() {
	for _, file := range f.mapped {
		file.rest()
	}
}

func (f *Folder) mapWeights() (tensors []Tensor, err error) {
	switch {
	case f.has(weightsFile):
		var file *File
		if file, err = f.mapNamed(weightsFile); err == nil {
			tensors = file.Tensors
		}
	case f.has(indexFile):
		tensors, err = f.mapShards()
	default:
		err = f.explainMissing()
	}
	if err != nil {
		return nil, fmt.Errorf("read weights of %s: %w", f.name, err)
	}
	return tensors, nil
}

// has says whether the folder has a name, even one that will not open.
func (f *Folder) has(name string) bool {
	_, err := f.root.Lstat(path.Join(f.dir, name))
	return err == nil
}

// mapNamed maps one file of the folder and keeps it until Close.
func (f *Folder) mapNamed(name string) (*File, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	mapped, err := mapFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.mapped = append(f.mapped, mapped)
	return mapped, nil
}

func (f *Folder) mapShards() ([]Tensor, error) {
	text, err := f.readText(indexFile)
	if err != nil {
		return nil, err
	}
	shardOf, err := parseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	var tensors []Tensor
	var faults []error
	held := map[string]string{} // tensor -> the shard that holds it
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(shardOf))) {
		file, err := f.mapNamed(shard)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, t := range file.Tensors {
			if first, ok := held[t.Name]; ok {
				faults = append(faults, fmt.Errorf("%s and %s both hold %s", first, shard, t.Name))
			}
			held[t.Name] = shard
		}
		tensors = append(tensors, file.Tensors...)
	}
	if faults = append(faults, compareIndex(shardOf, held)...); len(faults) > 0 {
		return nil, fmt.Errorf("%s and shards disagree: %w", indexFile, joinSome(faults))
	}
	return tensors, nil
}

// compareIndex lists where an index and the shards differ, by tensor.
func compareIndex(want, got map[string]string) (faults []error) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if shard, ok := got[name]; !ok {
			faults = append(faults, fmt.Errorf("%s lacks %s", want[name], name))
		} else if shard != want[name] {
			faults = append(faults, fmt.Errorf("%s should be in %s, is in %s", name, want[name], shard))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			faults = append(faults, fmt.Errorf("%s holds %s, which the index lacks", got[name], name))
		}
	}
	return faults
}

// parseIndex reads weight_map: tensor name -> shard, a bare file name.
func parseIndex(text []byte) (map[string]string, error) {
	s, err := newScanner(text)
	if err != nil {
		return nil, err
	}
	shards := map[string]string{}
	err = s.object(func(key string) error {
		if key != "weight_map" {
			return s.skip()
		}
		return s.object(func(tensor string) (err error) {
			shard, err := s.text()
			if err == nil && !isShardName(shard) {
				err = fmt.Errorf("tensor %.100q: %.100q is not the name of a safetensors file of this folder", tensor, shard)
			}
			shards[tensor] = shard
			return err
		})
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && len(shards) == 0 {
		err = errors.New("no weight_map")
	}
	return shards, err
}

func isShardName(name string) bool {
	return fs.ValidPath(name) && !strings.ContainsAny(name, "/\\\x00") && path.Ext(name) == ".safetensors"
}

// explainMissing says what a folder without safetensors has instead.
func (f *Folder) explainMissing() error {
	names, err := f.names()
	if err != nil {
		return err
	}
	if err := RefusePickled(names); err != nil {
		return err
	}
	return fmt.Errorf("neither %s nor %s: %w", weightsFile, indexFile, os.ErrNotExist)
}

// RefusePickled says how to convert weights if a file of a folder without
// safetensors holds them pickled.
func RefusePickled(names []string) error {
	for _, name := range names {
		if slices.Contains([]string{".bin", ".pt", ".pth", ".pkl", ".ckpt"}, path.Ext(name)) {
			return fmt.Errorf("%s is pickled, which can run code when loaded, so it is refused; convert it once on a machine you can spare with "+
				"Python: transformers.AutoModel.from_pretrained(old).save_pretrained(new), with the model's own Auto class", name)
		}
	}
	return nil
}

// maxFaults bounds how many faults one error lists.
const maxFaults = 10

// joinSome joins the first faults and counts the rest.
func joinSome(faults []error) error {
	if n := len(faults) - maxFaults; n > 0 {
		faults = append(slices.Clone(faults[:maxFaults]), fmt.Errorf("and %d more", n))
	}
	return errors.Join(faults...)
}
