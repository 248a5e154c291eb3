package pipeline

import (
	"context"
	"encoding/json"
	"io"

	"github.com/rs/zerolog"

	"radpo/eval"
	"radpo/internal/table"
)

// Shapes of AlpacaEval's files, for messages.
const (
	annotationShape = `{"instruction", "output_1", "generator_1", "output_2", "generator_2", "preference": 1.5}, as AlpacaEval's annotations.json`
	outputShape     = `{"instruction", "output", "generator", "dataset"}, as AlpacaEval's model_outputs.json`
)

// An Alpaca is what AlpacaEval 2 measures: annotations, and what its length
// control takes besides.
type Alpaca struct {
	Annotations   string  // file; those of the model
	Against       string  // file of another model's, to be compared with; or empty
	Difficulty    string  // CSV file; or empty
	Gamed         string  // CSV file; or empty
	Outputs       string  // file of the model's answers, for their mean length; or empty
	C             float64 // of the length control's fit; 0: by cross-validation
	ByInstruction bool    // difficulties by the instruction's hash, not by position
	Draws         int     // of the bootstrap
	Leaderboard   string  // file to write the row to as well; or empty
	Result        string  // file for the result, whose items lie beside it; or empty
	Judging       any     // how annotations were made, for the result; nil: not here
}

// Do writes the leaderboard row to w as one JSON object; of two models, both
// rows and their difference.
func (a Alpaca) Do(ctx context.Context, w io.Writer) error {
	in, err := a.read()
	if err != nil {
		return &InputError{err}
	}
	var result any
	if a.Against == "" {
		in.Rows, err = gathered(a.Annotations, annotationShape, table.ReadAnnotations(a.Annotations))
		if err != nil {
			return err
		}
		row, err := eval.AlpacaEval(in)
		if err != nil {
			return &InputError{err}
		}
		warnAlpaca(ctx, in, row)
		if a.Leaderboard != "" {
			if err := writeLeaderboard(a.Leaderboard, row); err != nil {
				return err
			}
		}
		if a.Result != "" {
			r, items := row.Result(in)
			if a.Judging != nil {
				r.Settings = map[string]any{"metrics": r.Settings, "judging": a.Judging}
			}
			if err := r.Write(a.Result, items); err != nil {
				return &InputError{err}
			}
		}
		result = row
	} else if result, err = a.compare(ctx, in); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return wrapWrite(enc.Encode(result))
}

// read reads what the models share.
func (a Alpaca) read() (in eval.Alpaca, err error) {
	in = eval.Alpaca{C: a.C, ByInstruction: a.ByInstruction, Draws: a.Draws}
	if a.Difficulty != "" {
		if in.Difficulty, err = table.ReadDifficulties(a.Difficulty); err != nil {
			return in, err
		}
	}
	if a.Gamed != "" {
		if in.Gamed, err = table.ReadGamed(a.Gamed); err != nil {
			return in, err
		}
	}
	if a.Outputs != "" {
		in.Outputs, err = gathered(a.Outputs, outputShape, table.ReadOutputs(a.Outputs))
	}
	return in, err
}

func (a Alpaca) compare(ctx context.Context, in eval.Alpaca) (eval.AlpacaPair, error) {
	one, other := in, in
	other.Outputs = nil
	var err error
	if one.Rows, err = gathered(a.Annotations, annotationShape, table.ReadAnnotations(a.Annotations)); err != nil {
		return eval.AlpacaPair{}, err
	}
	if other.Rows, err = gathered(a.Against, annotationShape, table.ReadAnnotations(a.Against)); err != nil {
		return eval.AlpacaPair{}, err
	}
	pair, err := eval.AlpacaCompare(one, other)
	if err != nil {
		return pair, &InputError{err}
	}
	warnAlpaca(ctx, one, pair.First)
	warnAlpaca(ctx, other, pair.Second)
	return pair, nil
}

// warnAlpaca says where a row is not what the leaderboard would have.
func warnAlpaca(ctx context.Context, in eval.Alpaca, r eval.AlpacaRow) {
	log := zerolog.Ctx(ctx)
	if n := len(in.Difficulty); n > 0 && n != len(in.Rows) && !in.ByInstruction {
		log.Warn().Msgf("%s: %d annotations, but difficulties of %d instructions: upstream gives every row behind a missing one its neighbour's difficulty, and so does this; "+
			"that can move the length-controlled win rate by points; --lc-align=instruction does not", r.Model, len(in.Rows), n)
	}
	first := in.Rows[0]
	if in.Difficulty != nil && (first.Generator1 != "" && first.Generator1 != eval.AlpacaBaseline || first.Annotator != "" && first.Annotator != eval.AlpacaJudge) {
		log.Warn().Msgf("%s: the baseline is %q and the judge %q: AlpacaEval's difficulties and gamed judgements were made for %s and %s; without --difficulty and --gamed the length control is fitted to these annotations alone",
			r.Model, first.Generator1, first.Annotator, eval.AlpacaBaseline, eval.AlpacaJudge)
	}
	if missing := len(in.Rows) - r.Total; missing > 0 {
		log.Warn().Msgf("%s: %d of %d annotations have no preference: the win rate leaves them out", r.Model, missing, len(in.Rows))
	}
	if r.Extreme() {
		log.Warn().Msgf("%s: the length-controlled win rate, %.1f, is far from the plain one, %.1f: its model may have failed", r.Model, r.Controlled, r.WinRate)
	}
}
