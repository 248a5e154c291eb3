package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"radpo/eval"
	"radpo/internal/table"
	"radpo/ranker"
)

// An ArenaHard is Arena-Hard's games of a model against a baseline, or of
// several models whose judgments are there.
type ArenaHard struct {
	Benchmark
	Rules      string   // v0.1 or v2; empty: v2 where questions have a subcategory, else v0.1
	Baselines  []string // files of answers, or CATEGORY=FILE
	Styles     []string // files of the judged models' answers, where the judgments are given; for style control
	Control    []string // of length and markdown
	Tokenizer  string   // folder that counts tokens; empty: the answers' metadata do
	UpstreamCI bool

	rules eval.ArenaRules
}

// Do writes the result to w as JSON, or the list of the results of several
// models. With a folder Out it has answers and judgments there in Arena-Hard's
// layout; what was asked before is not asked again.
func (a ArenaHard) Do(ctx context.Context, w io.Writer) error {
	questions, err := readBench(a.Questions, eval.ArenaQuestionShape, once(func(q eval.ArenaQuestion) string { return questionNamed(q.Key()) }))
	if err != nil {
		return err
	}
	if a.rules = eval.ArenaRules(a.Rules); a.rules == "" {
		a.rules = eval.ArenaV01
		if questions[0].Subcategory != "" {
			a.rules = eval.ArenaV2
		}
	}
	if err := a.settle(map[eval.ArenaRules]int{eval.ArenaV01: 4096, eval.ArenaV2: 16000}[a.rules]); err != nil {
		return err
	}
	base, err := a.baselines(questions)
	if err != nil {
		return err
	}
	in := eval.Arena{Rules: a.rules, Questions: questions, Control: a.Control, UpstreamCI: a.UpstreamCI, Answers: map[string]map[string]string{}}
	settings := map[string]any{"style_control": a.Control, "upstream_ci": a.UpstreamCI}
	var answers []eval.ArenaAnswer
	if len(a.Judgments) > 0 {
		in.Judgments, answers, err = a.given()
	} else {
		if settings["prompt_hash"], err = digest(a.Prompt); err != nil {
			return inputError("%s: %w", a.Prompt, err)
		}
		in.Judgments, answers, err = a.judge(ctx, questions, base)
	}
	if err != nil {
		return err
	}
	for _, answer := range answers {
		put(in.Answers, answer.Who(), answer.Key(), answer.Text())
	}
	if len(a.Control) > 0 {
		if in.Styles, in.Base, err = a.styles(answers, base); err != nil {
			return err
		}
	}
	in.Settings = a.settings(settings)
	scores, err := in.Scores()
	if err != nil {
		return &InputError{err}
	}
	a.warn(ctx, questions, in.Judgments)
	var results []eval.Result
	var items [][]eval.Item
	for _, s := range scores {
		results, items = append(results, s.Result), append(items, s.Items)
	}
	return a.write(w, results, items)
}

func put[V any](m map[string]map[string]V, first, second string, v V) {
	if m[first] == nil {
		m[first] = map[string]V{}
	}
	m[first][second] = v
}

func (a ArenaHard) warn(ctx context.Context, questions []eval.ArenaQuestion, judgments []eval.ArenaJudgment) {
	null := 0
	models := map[string]int{}
	for _, j := range judgments {
		models[j.Model]++
		for _, g := range j.Games {
			if !a.rules.Counts(g) {
				null++
			}
		}
	}
	for model, n := range models {
		if n != len(questions) {
			zerolog.Ctx(ctx).Warn().Msgf("%s: judgments of %d of %d questions", model, n, len(questions))
		}
	}
	if null > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d of %d games have no verdict: rates leave them out", null, 2*len(judgments))
	}
}

// baselines are the baseline's answers by question; nil where none are given.
func (a ArenaHard) baselines(questions []eval.ArenaQuestion) (map[string]eval.ArenaAnswer, error) {
	by := map[string]map[string]eval.ArenaAnswer{} // by category; "" is any
	category := map[string]bool{}
	for _, q := range questions {
		category[q.Category] = true
	}
	for _, arg := range a.Baselines {
		of, path, named := strings.Cut(arg, "=")
		if !named || !category[of] {
			of, path = "", arg
		}
		rows, err := readAnswers[eval.ArenaAnswer](path, eval.ArenaAnswerShape)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			put(by, of, r.Key(), r)
		}
	}
	if len(by) == 0 {
		return nil, nil
	}
	out := map[string]eval.ArenaAnswer{}
	for _, q := range questions {
		r, ok := by[q.Category][q.Key()]
		if !ok {
			r, ok = by[""][q.Key()]
		}
		if !ok {
			return nil, inputError("--baseline %s: there is no answer to question %s of category %q", strings.Join(a.Baselines, ", "), q.Key(), q.Category)
		}
		out[q.Key()] = r
	}
	return out, nil
}

// given are judgments made before, and answers as far as they are given.
func (a ArenaHard) given() ([]eval.ArenaJudgment, []eval.ArenaAnswer, error) {
	var judgments []eval.ArenaJudgment
	var answers []eval.ArenaAnswer
	checks := []func(eval.ArenaJudgment) error{
		once(func(j eval.ArenaJudgment) string {
			return fmt.Sprintf("the judgment of %s on question %s", j.Model, j.Key())
		}),
		alike("judge", func(j eval.ArenaJudgment) string { return j.Judge }, "give one judge's judgments"),
	}
	for _, path := range a.Judgments {
		rows, err := readBench(path, eval.ArenaJudgmentShape, checks...)
		if err != nil {
			return nil, nil, err
		}
		judgments = append(judgments, rows...)
	}
	for _, path := range append(a.Styles, a.Answers) {
		if path == "" {
			continue
		}
		rows, err := readAnswers[eval.ArenaAnswer](path, eval.ArenaAnswerShape)
		if err != nil {
			return nil, nil, err
		}
		answers = append(answers, rows...)
	}
	return judgments, answers, nil
}

// judge has both games of every question judged.
func (a ArenaHard) judge(ctx context.Context, questions []eval.ArenaQuestion, base map[string]eval.ArenaAnswer) ([]eval.ArenaJudgment, []eval.ArenaAnswer, error) {
	if base == nil {
		return nil, nil, inputError("judging needs the baseline's answers: give --baseline")
	}
	prompt, err := readArenaPrompt(a.Prompt, questions)
	if err != nil {
		return nil, nil, err
	}
	answers, err := a.answers(ctx, questions)
	if err != nil {
		return nil, nil, err
	}
	var talks []ranker.Talk
	for i, q := range questions {
		first, second := base[q.Key()].Text(), answers[i].Text()
		for game := range 2 {
			talks = append(talks, ranker.Talk{Name: fmt.Sprintf("question %s, game %d", q.Key(), game+1), Messages: prompt.messages(q, first, second)})
			first, second = second, first
		}
	}
	replies, err := a.ask(ctx, talks)
	if err != nil {
		return nil, nil, err
	}
	if replies, err = a.insist(ctx, talks, replies); err != nil {
		return nil, nil, err
	}
	var judgments []eval.ArenaJudgment
	var rows []arenaRow
	for i, q := range questions {
		j := eval.ArenaJudgment{UID: eval.ID(q.Key()), Category: q.Category, Judge: a.config.Remote.Model, Model: answers[i].Who(), Baseline: base[q.Key()].Who()}
		row := arenaRow{UID: q.Key(), Category: j.Category, Judge: j.Judge, Model: j.Model, Baseline: j.Baseline}
		for k := 2 * i; k < 2*i+2; k++ {
			g := &eval.ArenaGame{}
			if label, _ := a.rules.Verdict(replies[k]); label != "" {
				g.Score = &label
			}
			j.Games = append(j.Games, g)
			row.Games = append(row.Games, arenaGame{g.Score, arenaText{replies[k]}, turnsOf(talks[k].Messages)})
		}
		judgments, rows = append(judgments, j), append(rows, row)
	}
	return judgments, answers, writeRows(a.Out, filepath.Join("model_judgment", fileName(a.config.Remote.Model)), answers[0].Who(), rows)
}

// insisting asks a judge for the label that its reply lacks.
const insisting = "Please finish your judgment with one of the verdict labels."

// insist asks once more, in the same conversation, where v0.1 does, and puts the
// second reply behind the first.
func (a ArenaHard) insist(ctx context.Context, talks []ranker.Talk, replies []string) ([]string, error) {
	var again []ranker.Talk
	var at []int
	for i, reply := range replies {
		if _, missing := a.rules.Verdict(reply); missing {
			t := talks[i]
			t.Messages = append(t.Messages[:len(t.Messages):len(t.Messages)], table.Message{Role: "assistant", Content: reply}, table.Message{Role: "user", Content: insisting})
			again, at = append(again, t), append(at, i)
		}
	}
	if len(again) == 0 {
		return replies, nil
	}
	zerolog.Ctx(ctx).Info().Msgf("%d of %d replies have no verdict and are asked for one", len(again), len(replies))
	more, err := a.ask(ctx, again)
	for k, reply := range more {
		replies[at[k]] += "\n" + reply
	}
	return replies, err
}
