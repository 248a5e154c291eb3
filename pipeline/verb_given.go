package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/rs/zerolog"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/ranker"
)

// A Given is a file of responses that others drew and scored.
type Given struct {
	*table.ScoredFile
	Path    string
	SkipBad bool // bad rows are left out
}

// openGiven refuses a file without scores.
func openGiven(path string, skipBad bool) (Given, error) {
	f, err := table.OpenScored(path)
	if err != nil {
		return Given{}, &InputError{err}
	}
	if f.Layout == table.TRLLayout {
		f.Close()
		return Given{}, inputError("%s: its pairs have no scores (score_chosen, score_rejected): radpo train takes them as they are, goals need scores", path)
	}
	return Given{f, path, skipBad}, nil
}

// rows are the file's prompts, without bad rows where they may be skipped; the
// first bad one ends them otherwise.
func (g Given) rows(bad *aside) iter.Seq2[table.Scored, error] {
	if g.SkipBad {
		return sound(g.Rows(), bad)
	}
	return g.Rows()
}

// heapLimit is the memory that pairing a file tries to stay in, in bytes.
const heapLimit = 96 << 20

// Given pairs scored responses of a file, in one pass over it and in memory
// that does not depend on its length; a map that is fitted takes a pass before.
// Without a model, goals stand in system turns and rows have no ids.
func (a Alone) Given(ctx context.Context, input string) error {
	if _, err := os.Lstat(a.Out); err == nil {
		return inputError("%s exists: choose another --out, or remove it", a.Out)
	}
	// So little is live here that collecting whenever it has doubled costs a
	// fifth of the time; the limit keeps what is not collected yet in bounds.
	defer debug.SetGCPercent(debug.SetGCPercent(300))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(heapLimit))
	g, scale, err := a.given(input)
	if err != nil {
		return err
	}
	plain, encode, err := a.rendering()
	if err != nil {
		return err
	}
	c, render := worded(*plain, a.Config)
	maps, err := scale.Meta()
	if err != nil {
		return err
	}
	part := filepath.Clean(a.Out) + ".part"
	bad := &aside{path: filepath.Clean(a.Out) + badSuffix}
	err = c.Write(ctx, part, maps, table.Ahead(groups(g.rows(bad), scale)), render, encode)
	if err = errors.Join(err, bad.Close()); err != nil {
		return errors.Join(g.listed(err), os.RemoveAll(part))
	}
	zerolog.Ctx(ctx).Info().Msg(scale.Words())
	if bad.n > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d bad rows are left out; %s has them and why", bad.n, bad.path)
	}
	return os.Rename(part, a.Out)
}

// given opens a file of scored responses and makes the map of its scores.
func (a Alone) given(input string) (Given, *ranker.Given, error) {
	if m := a.Config.Augment; m.Method == "ira" || m.AutoAttributes > 0 {
		return Given{}, nil, inputError("augment.method ira and augment.auto_attributes need a ranker's tables: give --samples and --scores, or run the whole loop")
	}
	g, err := openGiven(input, a.SkipBad)
	if err != nil {
		return g, nil, err
	}
	scale, err := a.fit(g)
	if err != nil {
		g.Close()
		err = g.listed(err)
	}
	return g, scale, err
}

// listed makes more of the error of a bad row: the file's first few.
func (g Given) listed(err error) error {
	if of := (*table.RowError)(nil); errors.As(err, &of) {
		return &InputError{errors.Join(badRows(g.Path, table.ReadScored(g.Path)), errSkip)}
	}
	return err
}

// rendering is how rows are made: with the model's template and ids, or as
// messages alone. The wording of goals is that of [worded].
func (a Alone) rendering() (*chat.Prompter, func(*table.Pair) error, error) {
	if a.Model == "" {
		return &chat.Prompter{}, func(*table.Pair) error { return nil }, nil
	}
	path, err := resolveModel(a.Model, filepath.Join(workOf(a.Out), "builtin", "policy"), checkText)
	if err != nil {
		return nil, nil, &InputError{err}
	}
	f, err := hf.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	text := text{folder: f}
	template, tokens, err := text.chat()
	return &chat.Prompter{Template: template, Tokens: tokens}, func(p *table.Pair) (err error) {
		if p.ChosenIDs, err = template.Answer(tokens, p.Messages, p.Chosen); err == nil {
			p.RejectedIDs, err = template.Answer(tokens, p.Messages, p.Rejected)
		}
		return err
	}, err
}

// worded is how settings pair, and render with their goals.
func worded(render chat.Prompter, by configs.Config) (augment.Config, *chat.Prompter) {
	c := (&loop{Config: by}).pairing(1)
	if render.Goal = c.Wording; render.Tokens != nil {
		render.MaxTokens = c.MaxPrompt
	}
	return c, &render
}

// fit makes the map of the file's scores. Only goals of attributes ask the file
// for their names beforehand.
func (a Alone) fit(g Given) (*ranker.Given, error) {
	goals := a.Config.Augment.Attributes
	var names []string
	known := len(goals) > 0
	if known {
		for s, err := range g.rows(nil) {
			if err != nil {
				return nil, err
			}
			names = s.Names
			break
		}
	}
	return ranker.FitGiven(a.Config.Scale, names, goals, func(yield func(table.Score, error) bool) {
		for s, err := range g.rows(nil) {
			if !known {
				names, known = s.Names, err == nil
			}
			if err == nil && !slices.Equal(s.Names, names) {
				err = fmt.Errorf("%s: the attributes are %v, those of the first row %v", s.Source, s.Names, names)
			}
			if err != nil {
				yield(table.Score{}, err)
				return
			}
			for _, score := range scoresOf(s) {
				if !yield(score, nil) {
					return
				}
			}
		}
	})
}

// scoresOf are the raw scores of a prompt's responses.
func scoresOf(s table.Scored) []table.Score {
	rows := make([]table.Score, len(s.Scores))
	for i, raw := range s.Scores {
		rows[i] = table.Score{PromptID: s.PromptID, Sample: int32(i), Raw: raw}
		if len(s.Attributes) > 0 {
			rows[i].Attributes = s.Attributes[i]
		}
	}
	return rows
}

// groups are prompts with their responses and mapped scores. Where a row stood
// in the file tells its pairs from those of other rows of one prompt.
func groups(rows iter.Seq2[table.Scored, error], scale *ranker.Given) iter.Seq2[augment.Group, error] {
	return func(yield func(augment.Group, error) bool) {
		for s, err := range rows {
			g := augment.Group{Key: s.Source, Prompt: table.Prompt{ID: s.PromptID, Messages: s.Messages, Source: s.Source}, Scores: scoresOf(s)}
			g.Samples = make([]table.Sample, len(s.Responses))
			for i, text := range s.Responses {
				g.Samples[i] = table.Sample{PromptID: s.PromptID, Sample: int32(i), Text: text}
			}
			if err == nil {
				err = scale.Apply(g.Scores)
			}
			if !yield(g, err) {
				return
			}
		}
	}
}
