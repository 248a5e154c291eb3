package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"radpo/configs"
	"radpo/demo"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/ranker"
)

// inputs are the paths of what a run starts from; "" for what it does without.
type inputs struct {
	model, reward, prompts string
	asking                 configs.Ranker // the ranker that asks servers, readied
}

// resolve finds and checks everything that the run reads, before hours go into
// its first stage: all faults together.
func resolve(c configs.Config, dir string) (inputs, error) {
	var in inputs
	var errs [4]error
	in.model, errs[0] = resolveModel(c.Model, filepath.Join(dir, "builtin", "policy"), checkPolicy)
	if c.Ranker.Model != "" {
		in.reward, errs[1] = resolveModel(c.Ranker.Model, filepath.Join(dir, "builtin", "reward"), checkReward(c.Ranker.Kind))
	}
	if c.Prompts.Path != configs.BuiltIn {
		in.prompts, errs[2] = c.Prompts.Path, checkPrompts(c.Prompts)
	}
	in.asking, errs[3] = resolveAsking(c.Ranker, dir)
	if err := errors.Join(errs[:]...); err != nil {
		return in, &InputError{err}
	}
	return in, nil
}

// resolveModel is the path of a model folder: of the one that the binary
// brings along, laid out at builtin, or of the named one.
func resolveModel(name, builtin string, check func(*hf.Folder) error) (string, error) {
	if name == configs.BuiltIn {
		if err := demo.Unpack(filepath.Base(builtin), builtin); err != nil {
			return "", err
		}
		name = builtin
	}
	f, err := hf.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Path(), check(f)
}

func checkPolicy(f *hf.Folder) error {
	if err := model.CheckPolicy(f); err != nil {
		return err
	}
	return checkText(f)
}

func checkReward(kind string) func(*hf.Folder) error {
	return func(f *hf.Folder) error {
		switch {
		case kind == "pairrm":
			return ranker.CheckPairRM(f)
		case kind == "classifier" && model.IsEncoder(f):
			return ranker.CheckEncoder(f)
		case kind == "remote":
			return checkTemplate(f)
		}
		check := model.CheckClassifier
		if kind == "armorm" {
			check = model.CheckArmoRM
		}
		if err := check(f); err != nil {
			return err
		}
		return checkText(f)
	}
}

// checkText reports whether tokenizer and template are there and fit the
// model.
func checkText(f *hf.Folder) error {
	c, err := f.Config()
	if err != nil {
		return err
	}
	tokens, err := tokenizer.Load(f.FS())
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err := tokens.Fits(c.VocabSize); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return checkTemplate(f)
}

// shown is how many bad rows of a file an error lists.
const shown = 5

// checkPrompts reads the whole prompt file and lists its bad rows.
func checkPrompts(c configs.Prompts) error {
	return badRows(c.Path, table.ReadPrompts(c.Path, table.PromptOptions{Column: c.Column}).Rows())
}

// badRows lists the errors of a file's rows, the first few.
func badRows[R any](path string, rows iter.Seq2[R, error]) error {
	var bad []error
	count := 0
	for _, err := range rows {
		if err == nil {
			continue
		}
		if count++; count <= shown {
			bad = append(bad, err)
		}
	}
	if count > shown {
		bad = append(bad, fmt.Errorf("and %d more bad rows in %s", count-shown, path))
	}
	return errors.Join(bad...)
}
