package pipeline

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"radpo/eval"
	"radpo/internal/table"
	"radpo/ranker"
)

// An MTBench is MT-Bench's single grading of one model.
type MTBench struct {
	Benchmark
	References string // file of the judge's own answers to math, reasoning and coding
}

// Do writes the result to w as JSON. With a folder Out it has answers and
// judgments there in FastChat's layout; what was asked before is not asked
// again.
func (b MTBench) Do(ctx context.Context, w io.Writer) error {
	questions, err := readBench(b.Questions, eval.MTQuestionShape, once(func(q eval.MTQuestion) string { return questionNamed(string(q.ID)) }))
	if err != nil {
		return err
	}
	if err := b.settle(2048); err != nil {
		return err
	}
	in := eval.MTBench{Questions: questions}
	settings := map[string]any{}
	if len(b.Judgments) > 0 {
		if in.Judgments, err = b.readJudgments(); err != nil {
			return err
		}
		if b.Answers != "" {
			if in.Answers, err = readAnswers[eval.MTAnswer](b.Answers, eval.MTAnswerShape); err != nil {
				return err
			}
		}
	} else {
		if settings["prompt_hash"], err = digest(b.Prompt); err != nil {
			return inputError("%s: %w", b.Prompt, err)
		}
		if in.Answers, in.Judgments, err = b.judge(ctx, questions); err != nil {
			return err
		}
	}
	in.Settings = b.settings(settings)
	result, items, err := in.Result()
	if err != nil {
		return &InputError{err}
	}
	warnMTBench(ctx, questions, in.Judgments)
	return b.write(w, []eval.Result{result}, [][]eval.Item{items})
}

func warnMTBench(ctx context.Context, questions []eval.MTQuestion, judgments []eval.MTJudgment) {
	want, failed, odd := 0, 0, 0
	for _, q := range questions {
		want += len(q.Turns)
	}
	for _, j := range judgments {
		switch score := *j.Score; {
		case score == -1:
			failed++
		case score < 1 || score > 10:
			odd++
		}
	}
	if len(judgments) != want {
		zerolog.Ctx(ctx).Warn().Msgf("%d judgments of %d turns", len(judgments), want)
	}
	if odd > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d of %d ratings are not from 1 to 10 and count as they are, as upstream: look at what the judge said", odd, len(judgments))
	}
	if failed > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d of %d judgments have no rating: means leave them out", failed, len(judgments))
	}
}

func (b MTBench) readJudgments() ([]eval.MTJudgment, error) {
	var all []eval.MTJudgment
	checks := []func(eval.MTJudgment) error{
		once(func(j eval.MTJudgment) string {
			return fmt.Sprintf("the judgment of %s on question %s, turn %d, by %s", j.Model, j.ID, j.Turn, j.Judge[0])
		}),
		alike("judge", func(j eval.MTJudgment) string { return j.Judge[0] }, "give one judge's judgments"),
	}
	if b.Name == "" {
		checks = append(checks, alike("model", func(j eval.MTJudgment) string { return j.Model }, "choose one by --name"))
	}
	for _, path := range b.Judgments {
		rows, err := readBench(path, eval.MTJudgmentShape, checks...)
		if err != nil {
			return nil, err
		}
		for _, j := range rows {
			if b.Name == "" || j.Model == b.Name {
				all = append(all, j)
			}
		}
	}
	if len(all) == 0 {
		return nil, inputError("%s: no judgments of model %s", strings.Join(b.Judgments, ", "), b.Name)
	}
	return all, nil
}

// judge has every turn of the model's answers rated.
func (b MTBench) judge(ctx context.Context, questions []eval.MTQuestion) ([]eval.MTAnswer, []eval.MTJudgment, error) {
	prompts, err := b.prompts(questions)
	if err != nil {
		return nil, nil, err
	}
	references, err := b.references(questions)
	if err != nil {
		return nil, nil, err
	}
	answers, err := b.answers(ctx, questions)
	if err != nil {
		return nil, nil, err
	}
	var talks []ranker.Talk
	var rows []eval.MTJudgment
	for i, q := range questions {
		for turn := 1; turn <= len(q.Turns); turn++ {
			p := prompts[promptOf(q, turn)]
			fields := map[string]string{"question": q.Turns[0], "answer": answers[i].Choices[0].Turns[0]}
			for k := range turn {
				fields[fmt.Sprint("question_", k+1)], fields[fmt.Sprint("answer_", k+1)] = q.Turns[k], answers[i].Choices[0].Turns[k]
				if r, ok := references[q.ID]; ok {
					fields[fmt.Sprint("ref_answer_", k+1)] = r.Choices[0].Turns[k]
				}
			}
			user := filled(p.Template, fields)
			t := ranker.Talk{Name: fmt.Sprintf("question %s, turn %d", q.ID, turn), Messages: []table.Message{{Role: "user", Content: user}}}
			if p.System != "" {
				t.Messages = append([]table.Message{{Role: "system", Content: p.System}}, t.Messages...)
			}
			talks = append(talks, t)
			rows = append(rows, eval.MTJudgment{ID: q.ID, Model: answers[i].Model, Judge: []string{b.config.Remote.Model, p.Name}, Prompt: user, Turn: turn})
		}
	}
	replies, err := b.ask(ctx, talks)
	if err != nil {
		return nil, nil, err
	}
	for i, reply := range replies {
		score := eval.MTScore(reply)
		rows[i].Judgment, rows[i].Score, rows[i].Time = reply, &score, seconds()
	}
	return answers, rows, writeRows(b.Out, "model_judgment", b.config.Remote.Model+"_single", rows)
}

func seconds() float64 { return float64(time.Now().UnixMilli()) / 1000 }

// promptOf is the name of the prompt that a turn is judged by.
func promptOf(q eval.MTQuestion, turn int) string {
	name := "single-v1"
	if q.NeedsReference() {
		name = "single-math-v1"
	}
	if turn > 1 {
		name += "-multi-turn"
	}
	return name
}

// prompts are those that the questions need, by name.
func (b MTBench) prompts(questions []eval.MTQuestion) (map[string]eval.MTPrompt, error) {
	rows, err := readBench(b.Prompt, eval.MTPromptShape, once(func(p eval.MTPrompt) string { return "prompt " + p.Name }))
	if err != nil {
		return nil, err
	}
	out := map[string]eval.MTPrompt{}
	for _, p := range rows {
		out[p.Name] = p
	}
	for _, q := range questions {
		for turn := 1; turn <= len(q.Turns); turn++ {
			name := promptOf(q, turn)
			p, ok := out[name]
			if !ok {
				return nil, inputError("%s: there is no prompt %s, by which question %s is judged; want lines of %s", b.Prompt, name, q.ID, eval.MTPromptShape)
			}
			for _, field := range fieldsOf(q, turn) {
				if !strings.Contains(p.Template, "{"+field+"}") {
					return nil, inputError("%s: prompt %s has no {%s} in it", b.Prompt, name, field)
				}
			}
		}
	}
	return out, nil
}

// fieldsOf are those that the prompt of a turn must have.
func fieldsOf(q eval.MTQuestion, turn int) []string {
	switch {
	case turn > 1:
		return []string{"question_2", "answer_2"}
	case q.NeedsReference():
		return []string{"question", "answer", "ref_answer_1"}
	}
	return []string{"question", "answer"}
}

// references are the reference answers of the questions that need one.
func (b MTBench) references(questions []eval.MTQuestion) (map[eval.ID]eval.MTAnswer, error) {
	var all map[string]eval.MTAnswer
	if b.References != "" {
		rows, err := readAnswers[eval.MTAnswer](b.References, eval.MTAnswerShape)
		if err != nil {
			return nil, err
		}
		all = byKey(rows)
	}
	out := map[eval.ID]eval.MTAnswer{}
	for _, q := range questions {
		if !q.NeedsReference() {
			continue
		}
		r, ok := all[string(q.ID)]
		switch {
		case b.References == "":
			return nil, inputError("%s: question %s, %s, is judged beside a reference answer: give --references, FastChat's reference_answer/*.jsonl", b.Questions, q.ID, q.Category)
		case !ok || len(r.Choices[0].Turns) < len(q.Turns):
			return nil, inputError("%s: want a reference answer to all %d turns of question %s", b.References, len(q.Turns), q.ID)
		}
		out[q.ID] = r
	}
	return out, nil
}

// answers are the model's, in the order of the questions: given, or made here
// and written.
func (b MTBench) answers(ctx context.Context, questions []eval.MTQuestion) ([]eval.MTAnswer, error) {
	if b.Model != "" {
		return b.answer(ctx, questions)
	}
	rows, err := readAnswers[eval.MTAnswer](b.Answers, eval.MTAnswerShape)
	if err != nil {
		return nil, err
	}
	by := byKey(rows)
	var out []eval.MTAnswer
	for _, q := range questions {
		a, ok := by[string(q.ID)]
		if !ok || len(a.Choices[0].Turns) < len(q.Turns) {
			return nil, inputError("%s: want answers to all %d turns of question %s; want lines of %s", b.Answers, len(q.Turns), q.ID, eval.MTAnswerShape)
		}
		out = append(out, a)
	}
	return out, nil
}

func (b MTBench) answer(ctx context.Context, questions []eval.MTQuestion) ([]eval.MTAnswer, error) {
	all := make([]*conversation, len(questions))
	for i, q := range questions {
		all[i] = &conversation{name: "question " + string(q.ID), asks: q.Turns, temperature: q.Temperature()}
	}
	name, err := b.converse(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]eval.MTAnswer, len(questions))
	for i, q := range questions {
		out[i] = eval.MTAnswer{ID: q.ID, AnswerID: fmt.Sprintf("%s-%s-%d", name, q.ID, b.Seed), Model: name, Choices: []eval.MTChoice{{Turns: all[i].answers}}, Time: seconds()}
	}
	return out, writeRows(b.Out, "model_answer", name, out)
}
