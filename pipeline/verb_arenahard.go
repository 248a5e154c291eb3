package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"

	"radpo/eval"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
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
	questions, err := readBench[eval.ArenaQuestion](a.Questions, eval.ArenaQuestionShape)
	if err != nil {
		return err
	}
	if err := once(a.Questions, questions, eval.ArenaQuestion.Key); err != nil {
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
	warnArena(ctx, questions, in.Judgments)
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

func warnArena(ctx context.Context, questions []eval.ArenaQuestion, judgments []eval.ArenaJudgment) {
	null := 0
	models := map[string]int{}
	for _, j := range judgments {
		models[j.Model]++
		for _, g := range j.Games {
			if !g.Counts() {
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
		rows, err := a.readAnswers(path)
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

// readAnswers reads one model's answers, each question once.
func (a ArenaHard) readAnswers(path string) ([]eval.ArenaAnswer, error) {
	rows, err := readBench[eval.ArenaAnswer](path, eval.ArenaAnswerShape)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		if r.Who() != rows[0].Who() {
			return nil, inputError("%s: row %d is of model %s, rows before it of %s: give one model a file", path, i+1, r.Who(), rows[0].Who())
		}
	}
	return rows, once(path, rows, eval.ArenaAnswer.Key)
}

// given are judgments made before, and answers as far as they are given.
func (a ArenaHard) given() ([]eval.ArenaJudgment, []eval.ArenaAnswer, error) {
	var judgments []eval.ArenaJudgment
	var answers []eval.ArenaAnswer
	seen := map[[2]string]bool{}
	for _, path := range a.Judgments {
		rows, err := readBench[eval.ArenaJudgment](path, eval.ArenaJudgmentShape)
		if err != nil {
			return nil, nil, err
		}
		for i, j := range rows {
			if j.Judge != rows[0].Judge || len(judgments) > 0 && j.Judge != judgments[0].Judge {
				return nil, nil, inputError("%s: row %d is by judge %s, rows before it by another: give one judge's judgments", path, i+1, j.Judge)
			}
			if seen[[2]string{j.Model, j.Key()}] {
				return nil, nil, inputError("%s: row %d: the judgment of %s on question %s again", path, i+1, j.Model, j.Key())
			}
			seen[[2]string{j.Model, j.Key()}] = true
		}
		judgments = append(judgments, rows...)
	}
	for _, path := range append(a.Styles, a.Answers) {
		if path == "" {
			continue
		}
		rows, err := a.readAnswers(path)
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

// An arenaRow is a line of model_judgment/JUDGE/MODEL.jsonl.
type arenaRow struct {
	UID      string      `json:"uid"`
	Category string      `json:"category"`
	Judge    string      `json:"judge"`
	Model    string      `json:"model"`
	Baseline string      `json:"baseline"`
	Games    []arenaGame `json:"games"`
}

type arenaGame struct {
	Score    *string   `json:"score"`
	Judgment arenaText `json:"judgment"`
	Prompt   []turn    `json:"prompt"`
}

type arenaText struct {
	Answer string `json:"answer"`
}

func turnsOf(messages []table.Message) []turn {
	out := make([]turn, len(messages))
	for i, m := range messages {
		out[i] = turn(m)
	}
	return out
}

// An arenaPrompt is how the judge is asked, in YAML as Arena-Hard's config/*.yaml:
// system_prompt is a text, or one a category.
type arenaPrompt struct {
	System   any `yaml:"system_prompt"`
	Template any `yaml:"prompt_template"` // a text, or a list of one

	systems  map[string]string
	template string
}

const arenaPromptShape = "YAML with system_prompt, a text or {CATEGORY: text}, and prompt_template with {QUESTION}, {ANSWER_A} and {ANSWER_B}, or {question_1}, {answer_1} and {answer_2}, as Arena-Hard's config/*.yaml"

func readArenaPrompt(path string, questions []eval.ArenaQuestion) (*arenaPrompt, error) {
	text, err := readQuestion(path)
	if err != nil {
		return nil, inputError("%s: %w", path, err)
	}
	var p arenaPrompt
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		return nil, inputError("%s: %w; want %s", path, err, arenaPromptShape)
	}
	if list, ok := p.Template.([]any); ok && len(list) == 1 {
		p.Template = list[0]
	}
	p.template, _ = p.Template.(string)
	for _, names := range [][2]string{{"{QUESTION}", "{question_1}"}, {"{ANSWER_A}", "{answer_1}"}, {"{ANSWER_B}", "{answer_2}"}} {
		if !strings.Contains(p.template, names[0]) && !strings.Contains(p.template, names[1]) {
			return nil, inputError("%s: prompt_template has no %s in it; want %s", path, names[0], arenaPromptShape)
		}
	}
	p.systems = map[string]string{}
	for _, q := range questions {
		system := p.System
		if by, ok := system.(map[string]any); ok {
			system = by[q.Category]
		}
		if p.systems[q.Category], _ = system.(string); p.systems[q.Category] == "" {
			return nil, inputError("%s: there is no system_prompt for category %q; want %s", path, q.Category, arenaPromptShape)
		}
	}
	return &p, nil
}

func (p *arenaPrompt) messages(q eval.ArenaQuestion, first, second string) []table.Message {
	return []table.Message{{Role: "system", Content: p.systems[q.Category]}, {Role: "user", Content: filled(p.template, map[string]string{
		"QUESTION": q.Text(), "ANSWER_A": first, "ANSWER_B": second, "question_1": q.Text(), "answer_1": first, "answer_2": second,
	})}}
}

// answers are the model's, in the order of the questions: given, or made here
// and written.
func (a ArenaHard) answers(ctx context.Context, questions []eval.ArenaQuestion) ([]eval.ArenaAnswer, error) {
	if a.Model != "" {
		return a.answer(ctx, questions)
	}
	rows, err := a.readAnswers(a.Answers)
	if err != nil {
		return nil, err
	}
	by := map[string]eval.ArenaAnswer{}
	for _, r := range rows {
		by[r.Key()] = r
	}
	var out []eval.ArenaAnswer
	for _, q := range questions {
		r, ok := by[q.Key()]
		if !ok {
			return nil, inputError("%s: there is no answer to question %s", a.Answers, q.Key())
		}
		out = append(out, r)
	}
	return out, nil
}

// An answered row is a line of model_answer/MODEL.jsonl.
type answered struct {
	UID      string         `json:"uid"`
	AnswerID string         `json:"ans_id"`
	Model    string         `json:"model"`
	Messages [2]any         `json:"messages"`
	Time     float64        `json:"tstamp"`
	Metadata map[string]any `json:"metadata"`
}

func (a ArenaHard) answer(ctx context.Context, questions []eval.ArenaQuestion) ([]eval.ArenaAnswer, error) {
	all := make([]*conversation, len(questions))
	for i, q := range questions {
		all[i] = &conversation{name: "question " + q.Key(), asks: []string{q.Text()}}
	}
	name, err := a.converse(ctx, all)
	if err != nil {
		return nil, err
	}
	var rows []answered
	var out []eval.ArenaAnswer
	for i, q := range questions {
		text := all[i].answers[0]
		style := eval.MarkdownOf(text)
		rows = append(rows, answered{
			UID: q.Key(), AnswerID: fmt.Sprintf("%s-%s-%d", name, q.Key(), a.Seed), Model: name, Time: seconds(),
			Messages: [2]any{turn{"user", q.Text()}, map[string]any{"role": "assistant", "content": arenaText{text}}},
			Metadata: map[string]any{"header_count": style.Headers, "list_count": style.Lists, "bold_count": style.Bold},
		})
		out = append(out, eval.NewArenaAnswer(q.Key(), name, text))
	}
	return out, writeRows(a.Out, "model_answer", name, rows)
}

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
