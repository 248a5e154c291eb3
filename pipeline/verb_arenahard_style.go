package pipeline

import (
	"radpo/eval"
	"radpo/internal/hf"
	"radpo/internal/tokenizer"
)

// styles are the features of the models' and the baseline's answers, counted
// with one tokenizer or as their files say.
func (a ArenaHard) styles(answers []eval.ArenaAnswer, base map[string]eval.ArenaAnswer) (map[string]map[string]eval.ArenaStyle, map[string]eval.ArenaStyle, error) {
	if base == nil {
		return nil, nil, inputError("style control needs the baseline's answers: give --baseline")
	}
	style := func(r eval.ArenaAnswer) (eval.ArenaStyle, error) {
		if s := r.Style(); s != nil && s.Tokens > 0 {
			return *s, nil
		}
		return eval.ArenaStyle{}, inputError("the answer of %s to question %s has no metadata with token_len, which style control reads: "+
			"--tokenizer DIR counts tokens and markdown of all answers here", r.Who(), r.Key())
	}
	if a.Tokenizer != "" {
		tokens, err := openTokenizer(a.Tokenizer)
		if err != nil {
			return nil, nil, err
		}
		style = func(r eval.ArenaAnswer) (eval.ArenaStyle, error) {
			s := eval.MarkdownOf(r.Text())
			s.Tokens = len(tokens.AppendIDs(nil, r.Text(), false))
			return s, nil
		}
	}
	by := map[string]map[string]eval.ArenaStyle{}
	for _, r := range answers {
		s, err := style(r)
		if err != nil {
			return nil, nil, err
		}
		put(by, r.Who(), r.Key(), s)
	}
	of := map[string]eval.ArenaStyle{}
	for key, r := range base {
		s, err := style(r)
		if err != nil {
			return nil, nil, err
		}
		of[key] = s
	}
	return by, of, nil
}

func openTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	f, err := hf.Open(dir)
	if err != nil {
		return nil, &InputError{err}
	}
	defer f.Close()
	return (&text{folder: f}).tokenizer()
}
