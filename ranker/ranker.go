package ranker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A Request is a prompt with the responses to be rated.
type Request struct {
	Name      string          // for errors; empty: its place among the requests
	Messages  []table.Message // ends with the user's turn
	Responses []string
	Finished  []bool // the policy ended the response itself; nil: all
	// Texts are prompt and response together, by the reward model's template,
	// in place of Messages and Responses; see readsText.
	Texts    []string
	Rendered string // Messages in the policy's chat template, for a ranker that reads them so
}

func (r Request) check() error {
	switch {
	case len(r.Messages) == 0:
		return fmt.Errorf("%s: the prompt has no messages", r.Name)
	case len(r.Responses) == 0:
		return fmt.Errorf("%s has no responses", r.Name)
	}
	return nil
}

// checked gives each request a name and refuses those without content.
func checked(requests []Request) ([]Request, error) {
	out := slices.Clone(requests)
	for i := range out {
		if out[i].Name == "" {
			out[i].Name = fmt.Sprintf("request %d", i)
		}
		if out[i].Texts != nil {
			continue
		}
		if err := out[i].check(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A Rating is the ranker's word on one response.
type Rating struct {
	Score        float64   // NaN: the ranker has none to give; see ranker.non_finite
	Attributes   []float64 // raw, in the order of Names
	Gating       []float64 // weight of each attribute; what else a ranker has to say
	Coefficients []float64 // of the raw attributes: Score = Σ Coefficients·Attributes; nil: no such sum
	Pairwise     []float64 // of a pairwise ranker: logit of being better than each response, read first
	Cut          Cut
	Cleaned      bool // special tokens that prompt or response spell were taken out
	Judged       Judged
}

// A Cut says what of a conversation did not fit into the model's window.
type Cut struct{ Prompt, Response bool }

// Judged counts what a judge was asked for a response.
type Judged struct{ Answers, Unparsed int }

// A Ranker rates responses.
type Ranker interface {
	// Rank rates requests, each response of each in order. Equal responses to a
	// prompt are rated alike.
	Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error)
	// Names are the attributes, none for a scalar ranker.
	Names() []string
}

// Open makes the ranker of a configuration, with its weights in s. The folder
// is nil for one without a model, and must stay open.
func Open(s *torch.Scope, c configs.Ranker, f *hf.Folder, d torch.DType) (Ranker, error) {
	switch c.Kind {
	case "rule":
		return rule{}, nil
	case "armorm":
		return openArmoRM(s, c, f, d)
	case "classifier":
		return openClassifier(s, c, f, d)
	case "pairrm":
		return openPairRM(s, c, f, d)
	case "remote":
		return openScorer(c.Remote, f)
	case "judge":
		return openJudge(c)
	}
	return nil, fmt.Errorf("ranker.kind %q is none of armorm, classifier, pairrm, rule, remote, judge", c.Kind)
}

// KindOf is the ranker that a model folder is for.
func KindOf(f *hf.Folder) (string, error) {
	c, err := f.Config()
	if err != nil {
		return "", err
	}
	for _, name := range c.Architectures {
		switch {
		case strings.HasSuffix(name, "ForRewardModelWithGating"):
			return "armorm", nil
		case strings.HasSuffix(name, "ForSequenceClassification"):
			return "classifier", nil
		case strings.HasSuffix(name, "PairRM"):
			return "pairrm", nil
		}
	}
	if ok, err := model.HasScore(f); err != nil || ok { // whatever its authors call the class
		return "classifier", err
	}
	return "", fmt.Errorf("%s is no reward model that is known here: its architecture is %v", f.Name(), c.Architectures)
}

// names of the attributes that a kind of ranker has.
func names(kind string) []string {
	switch kind {
	case "rule":
		return rule{}.Names()
	case "armorm":
		return objectives[:]
	case ByData:
		return table.RatedAttributes
	}
	return nil
}
