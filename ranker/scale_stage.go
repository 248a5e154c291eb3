package ranker

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/table"
)

// Scale reads raw scores and, where the map was fitted before, the table that
// holds it, and writes them mapped to 1–10 with their [Scaling] as metadata.
var Scale = flow.Kind[ScaleConfig]{Name: "scale", Version: 4, Run: runScale}

// A ScaleConfig is what mapped scores depend on besides what the stage reads.
type ScaleConfig struct {
	configs.Scale `json:"scale"`
	Ranker        string   `json:"ranker.kind"`
	NonFinite     string   `json:"ranker.non_finite"`
	Attributes    []string `json:"augment.attributes"`      // that goals are made of; none: the score alone
	Auto          int      `json:"augment.auto_attributes"` // or so many, those that count most
}

func runScale(ctx context.Context, c ScaleConfig, in flow.In, out *flow.Out) error {
	raw, err := table.Open[table.Score](in.At(0))
	if err != nil {
		return err
	}
	rows, err := table.ReadAll[table.Score](in.At(0))
	if err != nil {
		return err
	}
	chosen, err := choose(c.Attributes, c.Auto, raw.Meta(), in.At(1))
	if err != nil {
		return err
	}
	at, err := columns(c.Ranker, chosen)
	if err != nil {
		return err
	}
	c.Attributes = configs.Labels(chosen)
	if c.Auto > 0 {
		zerolog.Ctx(ctx).Info().Strs("attributes", c.Attributes).Msg("goals are of what counts most")
	}
	if err := check(rows, at, c.Attributes, c.NonFinite == "drop"); err != nil {
		return err
	}
	s := newScaling(raw.Meta()[rankedBy], c.Attributes)
	if err := c.scale(s, rows, at, in.At(1)); err != nil {
		return err
	}
	constants, err := json.Marshal(s)
	if err != nil {
		return err
	}
	zerolog.Ctx(ctx).Info().Msg(s.String())
	levels, err := json.Marshal(c.Attributes)
	if err != nil {
		return err
	}
	meta := map[string]string{attributes: raw.Meta()[attributes], rankedBy: s.Ranker, samplesOf: raw.Meta()[samplesOf], scaling: string(constants), table.LevelNames: string(levels)}
	if bias, ok := raw.Meta()[biasKey]; ok {
		meta[biasKey] = bias
	}
	return table.WriteAll(out.Dir(), meta, rows)
}

// scale maps rows in place, by the maps of the table at fitted if there is one.
func (c ScaleConfig) scale(s *Scaling, rows []table.Score, at []int, fitted string) error {
	switch {
	case c.Scope == "per-prompt":
		if err := c.perPrompt(s, rows, at); err != nil {
			return err
		}
	case fitted != "" && c.Scope == "first-iteration":
		return c.asFirst(s, rows, at, fitted)
	default:
		maps, err := Fit(c.Scale, rows, at, c.Attributes)
		if err != nil {
			return err
		}
		s.Maps = maps
		s.apply(rows, maps, at, c.Attributes)
	}
	s.summarise(rows, at, c.Attributes)
	if !c.Fixed() {
		s.Fitted = s.Rows - s.NonFinite()
	}
	return nil
}

// asFirst maps rows by the maps of an earlier table.
func (c ScaleConfig) asFirst(s *Scaling, rows []table.Score, at []int, fitted string) error {
	t, err := table.Open[table.Score](fitted)
	if err != nil {
		return err
	}
	first, err := ReadScaling(t.Meta())
	if err != nil {
		return err
	}
	if err := first.fits(s.Ranker, c.Attributes); err != nil {
		return fmt.Errorf("scale as %s: %w", fitted, err)
	}
	s.Maps, s.Fitted = first.Maps, first.Fitted
	s.apply(rows, s.Maps, at, c.Attributes)
	s.summarise(rows, at, c.Attributes)
	s.against(first)
	return nil
}

// perPrompt fits and maps the rows of each prompt alone: scores then say
// nothing across prompts.
func (c ScaleConfig) perPrompt(s *Scaling, rows []table.Score, at []int) error {
	for own := range prompts(rows) {
		maps, err := ownMaps(c.Scale, own, at, c.Attributes)
		if err != nil {
			return err
		}
		s.apply(own, maps, at, c.Attributes)
	}
	return nil
}

// ownMaps are fitted to the rows of one prompt; any will do where none has a
// score.
func ownMaps(c configs.Scale, own []table.Score, at []int, labels []string) ([]Map, error) {
	if !slices.ContainsFunc(own, func(r table.Score) bool { return lack(r, at, labels) == "" }) {
		return make([]Map, len(at)+1), nil
	}
	return Fit(c, own, at, labels)
}

// prompts yields the rows of one prompt after another.
func prompts(rows []table.Score) iter.Seq[[]table.Score] {
	return func(yield func([]table.Score) bool) {
		for i := 0; i < len(rows); {
			j := i
			for j < len(rows) && rows[j].PromptID == rows[i].PromptID {
				j++
			}
			if !yield(rows[i:j]) {
				return
			}
			i = j
		}
	}
}
