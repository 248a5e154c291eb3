package pipeline

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/eval"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/ranker"
)

// An AlpacaJudge annotates a model's answers beside a baseline's.
type AlpacaJudge struct {
	Config    configs.Config // of kind judge or remote, who judges, unless Model is named
	Model     string         // reward model folder, or name in the cache
	Outputs   string         // file of the model's answers
	Reference string         // file of the baseline's
	Prompt    string         // file of the judge's prompt; empty: the built-in one
	Tau       float64        // of a ranker: the preference is σ(difference/Tau); 0: the better score wins
	Out       string         // folder for annotations.json, leaderboard.csv and what the judge said
}

// Annotations is where they are.
func (j AlpacaJudge) Annotations() string { return filepath.Join(j.Out, "annotations.json") }

// Judging is what the annotations depend on, for the result: who judges, and
// the hash of a prompt that is not the built-in one.
func (j AlpacaJudge) Judging() (any, error) {
	c := j.Config.Ranker
	c.Remote.URLs = nil // where it is asked does not show in answers
	prompt := "built-in"
	if j.Prompt != "" {
		var err error
		if prompt, err = digest(j.Prompt); err != nil {
			return nil, inputError("%s: %w", j.Prompt, err)
		}
	}
	return map[string]any{"ranker": c, "model": j.Model, "prompt": prompt, "tau": j.Tau, "max_tokens": 1}, nil
}

// Do writes annotations.json. What the judge answered before is not asked for
// again.
func (j AlpacaJudge) Do(ctx context.Context) error {
	rows, err := j.join(ctx)
	if err != nil {
		return &InputError{err}
	}
	c := j.Config
	if j.Model != "" {
		c.Ranker.Kind, c.Ranker.Model = "", j.Model
	}
	if c.Ranker.Asks() && c.Ranker.Remote.Cache == "" {
		c.Ranker.Remote.Cache = filepath.Join(j.Out, "answers")
	}
	prompt := ""
	if j.Prompt != "" {
		if prompt, err = readQuestion(j.Prompt); err == nil {
			err = ranker.CheckDuelPrompt(prompt)
		}
		if err != nil {
			return inputError("%s: %w", j.Prompt, err)
		}
	}
	if c.Ranker.Asks() {
		if err := ranker.CheckAsks(c.Ranker); err != nil {
			return &InputError{err}
		}
	}
	if err := os.MkdirAll(j.Out, 0o777); err != nil {
		return &InputError{err}
	}
	if c.Ranker.Kind == "judge" {
		err = judgeDuels(ctx, c.Ranker, prompt, rows)
	} else {
		err = withRanker(ctx, c, func(s *torch.Scope, r ranker.Ranker) error { return j.rankDuels(ctx, s, r, rows) })
	}
	if err != nil {
		return err
	}
	return replace(j.Annotations(), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		return enc.Encode(rows)
	})
}

// A judged row is one of AlpacaEval's annotations.json.
type judged struct {
	Instruction string   `json:"instruction"`
	Output1     string   `json:"output_1"`
	Generator1  string   `json:"generator_1"`
	Dataset     string   `json:"dataset"`
	Output2     string   `json:"output_2"`
	Generator2  string   `json:"generator_2"`
	Annotator   string   `json:"annotator"`
	Preference  *float64 `json:"preference"`
	Reply       any      `json:"raw_completion"`
	Seconds     *float64 `json:"time_per_example"`
	Price       *float64 `json:"price_per_example"`

	at string
}

func (r *judged) prefer(p float64) {
	if !math.IsNaN(p) {
		r.Preference = &p
	}
}

// join pairs the outputs by instruction, in the reference's order.
func (j AlpacaJudge) join(ctx context.Context) ([]judged, error) {
	outputs, err := gathered(j.Outputs, outputShape, table.ReadOutputs(j.Outputs))
	if err != nil {
		return nil, err
	}
	reference, err := gathered(j.Reference, outputShape, table.ReadOutputs(j.Reference))
	if err != nil {
		return nil, err
	}
	own := map[string]table.Output{}
	for _, o := range outputs {
		if other, twice := own[o.Instruction]; twice {
			return nil, fmt.Errorf("%s: the instruction of %s again", o.At, other.At)
		}
		own[o.Instruction] = o
	}
	var rows []judged
	for _, b := range reference {
		if o, ok := own[b.Instruction]; ok {
			rows = append(rows, judged{Instruction: b.Instruction, Output1: b.Output, Generator1: b.Generator, Dataset: b.Dataset,
				Output2: o.Output, Generator2: o.Generator, at: o.At})
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s and %s have no instruction in common", j.Outputs, j.Reference)
	}
	if len(rows) < max(len(reference), len(outputs)) {
		zerolog.Ctx(ctx).Warn().Msgf("%d outputs, %d of the baseline: the %d with an instruction in common are judged", len(outputs), len(reference), len(rows))
	}
	return rows, nil
}

// judgeDuels asks a language model.
func judgeDuels(ctx context.Context, c configs.Ranker, prompt string, rows []judged) error {
	duels := make([]ranker.Duel, len(rows))
	for i, r := range rows {
		duels[i] = ranker.Duel{Name: r.at, Instruction: r.Instruction, Output1: r.Output1, Output2: r.Output2}
	}
	bar := progress.Start(ctx, int64(len(rows)), "judgements")
	defer bar.Done()
	verdicts, err := ranker.Duels(ctx, c, prompt, duels, func() { bar.Add(1) })
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		rows[i].Annotator, rows[i].Reply = c.Remote.Model, v.Reply
		rows[i].prefer(v.Preference)
	}
	return nil
}

// rankDuels has a ranker score both outputs.
func (j AlpacaJudge) rankDuels(ctx context.Context, s *torch.Scope, r ranker.Ranker, rows []judged) error {
	bar := progress.Start(ctx, int64(len(rows)), "judgements")
	defer bar.Done()
	name := j.Model
	if name == "" {
		name = j.Config.Ranker.Kind
	}
	for len(rows) > 0 {
		part := rows[:min(window, len(rows))]
		rows = rows[len(part):]
		requests := make([]ranker.Request, len(part))
		for i, row := range part {
			requests[i] = ranker.Request{Name: row.at, Messages: []table.Message{{Role: "user", Content: row.Instruction}}, Responses: []string{row.Output1, row.Output2}}
		}
		ratings, err := r.Rank(ctx, s, requests)
		if err != nil {
			return err
		}
		for i, two := range ratings {
			part[i].Annotator = filepath.Base(name)
			part[i].prefer(1 + j.wins(two[1].Score-two[0].Score))
		}
		bar.Add(int64(len(part)))
	}
	return nil
}

// wins is how much a difference of scores counts as a win.
func (j AlpacaJudge) wins(difference float64) float64 {
	switch {
	case math.IsNaN(difference):
		return difference
	case difference == 0:
		return 0.5
	case j.Tau > 0:
		return 1 / (1 + math.Exp(-difference/j.Tau))
	case difference > 0:
		return 1
	}
	return 0
}

// writeLeaderboard writes a row as AlpacaEval's leaderboard.csv has it.
func writeLeaderboard(path string, r eval.AlpacaRow) error {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return replace(path, func(out io.Writer) error {
		w := csv.NewWriter(out)
		err := errors.Join(
			w.Write([]string{"", "win_rate", "standard_error", "n_wins", "n_wins_base", "n_draws", "n_total", "discrete_win_rate", "mode", "avg_length",
				"length_controlled_winrate", "lc_standard_error"}),
			w.Write([]string{r.Model, number(r.WinRate), number(r.StandardError), strconv.Itoa(r.Wins), strconv.Itoa(r.BaseWins), strconv.Itoa(r.Draws),
				strconv.Itoa(r.Total), number(r.Discrete), r.Mode, strconv.Itoa(r.Length), number(r.Controlled), number(r.ControlledError)}))
		w.Flush()
		return errors.Join(err, w.Error())
	})
}
