package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/openai"
	"radpo/internal/table"
	"radpo/sampler"
)

// Offer says how a policy is offered to people and programs.
type Offer struct {
	Name string   // that it goes by; empty: its folder's
	Goal string   // that answers are asked to reach when nothing else is said: a number, or one an attribute; empty: none
	Sets []string // overrides of augment.prompt, decimals and attributes, which word goals
}

// policyDir is the folder of a policy: dir, or the newest policy of the run
// folder that dir is.
func policyDir(dir string) (string, error) {
	if !IsRun(dir) {
		return dir, nil
	}
	all, err := artifacts(dir)
	if err != nil {
		return "", err
	}
	newest := ""
	for _, e := range all {
		if strings.HasPrefix(stageOf(e.Name()), "policy-iter-") {
			newest = e.Name()
		}
	}
	if newest == "" {
		return "", inputError("%s is a run folder and has no policy yet", dir)
	}
	return filepath.Join(dir, "artifacts", newest), nil
}

// policy is what is known of the model in f besides its weights.
func (o Offer) policy(f *hf.Folder) (openai.Policy, error) {
	t := &text{folder: f}
	tokens, err := t.tokenizer()
	if err != nil {
		return openai.Policy{}, err
	}
	c, err := f.Config()
	if err != nil {
		return openai.Policy{}, &InputError{err}
	}
	p := openai.Policy{Name: o.Name, Window: c.MaxPositionEmbeddings, Vocabulary: c.VocabSize, Tokens: tokens, Created: time.Now()}
	if p.Name == "" {
		p.Name = filepath.Base(f.Path())
		if _, err := os.Stat(f.Name()); err != nil { // a name in the cache
			p.Name = f.Name()
		}
	}
	p.Aliases = []string{f.Name(), f.Path()}
	if p.Tokenizer, err = chat.Info(f.FS()); err != nil {
		return p, inputError("%s: %w", f.Name(), err)
	}
	generation, err := f.GenerationConfig()
	if err != nil {
		return p, &InputError{err}
	}
	if p.Stop = generation.EOS; p.Tokenizer["chat_template"] != nil {
		if p.Template, _, err = t.chat(); err != nil {
			return p, err
		}
		if p.Stop, err = sampler.Stops(f, p.Template, tokens); err != nil {
			return p, &InputError{err}
		}
	}
	if err := o.word(f, &p); err != nil {
		return p, &InputError{err}
	}
	p.Goal, err = goalOf(o.Goal, &p)
	return p, err
}

// word says of p how goals are worded and what they may be: as in the run that the
// policy in f is of, if it is of one, with the overrides; else as the overrides
// alone have it.
func (o Offer) word(f *hf.Folder, p *openai.Policy) error {
	at := filepath.Dir(f.Path())
	run := filepath.Dir(at)
	ofRun := filepath.Base(at) == "artifacts" && IsRun(run)
	c, err := Settings("", o.Sets)
	if ofRun {
		c, err = configs.Load(filepath.Join(run, ConfigFile), o.Sets)
	}
	if err != nil {
		return err
	}
	p.Wording, p.Low, p.High, p.Plain = (&loop{Config: c}).wording(), c.Scale.Low, c.Scale.High, c.Augment.Method == "none"
	switch {
	case c.Augment.AutoAttributes == 0:
		return nil
	case !ofRun:
		return errNameless
	}
	scores, err := newestOf(run, "scores-1")
	if err == nil {
		p.Wording.Names, err = table.ReadLevelNames(scores)
	}
	return err
}

// runOf is the run folder that f is an artifact of, or "".
func runOf(f *hf.Folder) string {
	at := filepath.Dir(f.Path())
	if run := filepath.Dir(at); filepath.Base(at) == "artifacts" && IsRun(run) {
		return run
	}
	return ""
}
