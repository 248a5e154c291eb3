package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"radpo/configs"
	"radpo/demo"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/ranker"
)

// inputs are the paths of what a run starts from; "" for what it does without.
type inputs struct {
	model, adapter, reward, prompts string
	asking                          configs.Ranker // the ranker that asks servers, readied
	fleet                           string         // where the sampler keeps answers of servers
}

// resolve finds and checks everything that the run reads, before hours go into
// its first stage: all faults together.
func resolve(c configs.Config, dir string) (inputs, error) {
	var in inputs
	var errs [5]error
	policy, err := resolveAdapted(c.Model, "", filepath.Join(dir, "builtin", "policy"), checkPolicy)
	in.model, in.adapter, errs[0] = policy.model, policy.adapter, err
	if c.Ranker.Model != "" {
		in.reward, errs[1] = resolveModel(c.Ranker.Model, filepath.Join(dir, "builtin", "reward"), checkReward(c.Ranker.Kind))
	}
	if c.Prompts.Path != configs.BuiltIn {
		in.prompts, errs[2] = c.Prompts.Path, checkPrompts(c.Prompts)
	}
	in.asking, errs[3] = resolveAsking(c.Ranker, dir)
	in.fleet, errs[4] = resolveFleet(c.Sampler, dir)
	if err := errors.Join(errs[:]...); err != nil {
		return in, &InputError{err}
	}
	return in, nil
}

// resolveModel is the path of a model folder: of the one that the binary
// brings along, laid out at builtin, or of the named one.
func resolveModel(name, builtin string, check func(*hf.Folder) error) (string, error) {
	p, err := resolveAdapted(name, "", builtin, check)
	if err == nil && p.adapter != "" {
		err = fmt.Errorf("%s is an adapter, and a model is wanted here: merge it first, radpo merge --model %s --out DIR", name, name)
	}
	return p.model, err
}

// resolveAdapted is where a model is that may have an adapter: the named one,
// or, without a name, what name itself is an adapter of.
func resolveAdapted(name, adapter, builtin string, check func(*hf.Folder) error) (place, error) {
	if name == configs.BuiltIn {
		if err := demo.Unpack(filepath.Base(builtin), builtin); err != nil {
			return place{}, err
		}
		name = builtin
	}
	f, err := hf.OpenAdapted(name, adapter)
	if err != nil {
		return place{}, err
	}
	defer f.Close()
	p := place{model: f.Path()}
	if f.Overlay() != nil {
		p.adapter = f.Overlay().Path()
		if _, _, err := f.Overlay().Adapter(); err != nil {
			return p, err
		}
	}
	return p, check(f)
}

func checkPolicy(f *hf.Folder) error { return errors.Join(model.CheckPolicy(f), checkText(f)) }

func checkReward(kind string) func(*hf.Folder) error {
	return func(f *hf.Folder) error {
		switch {
		case kind == "pairrm":
			return ranker.CheckPairRM(f)
		case kind == "classifier" && model.IsEncoder(f):
			return ranker.CheckEncoder(f)
		case kind == "remote":
			_, err := openTemplate(f)
			return err
		}
		text := checkText(f)
		if kind != "armorm" {
			return errors.Join(model.CheckClassifier(f), text)
		}
		if text == nil {
			text = ranker.CheckGate(f)
		}
		return errors.Join(model.CheckArmoRM(f), text)
	}
}

// checkText reports whether tokenizer and template are there, fit each other
// and, unless its config cannot be read, the model.
func checkText(f *hf.Folder) error {
	tokens, err := tokenizer.Load(f.FS())
	if c, bad := f.Config(); bad == nil && err == nil {
		err = tokens.Fits(c.VocabSize)
	}
	template, bad := openTemplate(f)
	if err == nil && bad == nil {
		_, err = template.Encode(tokens, example[:1], true, false)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Name(), err)
	}
	return errors.Join(err, bad)
}

// example is a conversation that every chat template must render.
var example = []table.Message{{Role: "user", Content: "Name a prime number."}, {Role: "assistant", Content: "Seven."}}

// openTemplate is the chat template of a folder, which must render an example.
func openTemplate(f *hf.Folder) (*chat.Template, error) {
	t, err := chat.Load(f.FS())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	for n := 1; n <= len(example); n++ {
		text, err := t.Render(example[:n], n == 1)
		if err == nil && !strings.Contains(text, example[n-1].Content) {
			err = fmt.Errorf("the chat template leaves out what the %s says", example[n-1].Role)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: of a plain conversation: %w; take the template of the model's authors", f.Name(), err)
		}
	}
	return t, nil
}

// shown is how many bad rows of a file an error lists.
const shown = 5

// checkPrompts reads the whole prompt file and lists its bad rows, unless they
// may be skipped.
func checkPrompts(c configs.Prompts) error {
	if c.Given() {
		g, err := openGiven(c.Path, false)
		if err != nil {
			return err
		}
		g.Close()
	}
	rows, _ := promptRows(c.Path, c.Column, c.Given())
	if c.SkipBad {
		rows = sound(rows, nil)
	}
	return badRows(c.Path, rows)
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
