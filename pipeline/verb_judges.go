package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/eval"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/ranker"
	"radpo/sampler"
)

// A Benchmark is what MT-Bench and Arena-Hard have in common: questions of
// the user's, answers given or made here, and a judge that is asked or was.
type Benchmark struct {
	Questions string   // file
	Answers   string   // file of the model's answers; or empty
	Model     string   // folder of a policy, or a run, that answers here; or empty
	Prompt    string   // file of the judge's prompts
	Judgments []string // files of judgments made before, in place of answers and judge
	Out       string   // folder for answers, judgments and result
	Result    string   // file for the result; empty: in Out, if there is one

	// Offer says how the model is asked; its Sets override ranker.remote and
	// ranker.judge too, which say who judges.
	Offer
	DType     string
	Device    string
	MaxTokens int // of an answer
	Seed      int64

	config configs.Ranker // of the judge
}

// readBench reads a file of JSON lines; an error says what a line should be.
func readBench[R interface{ Check() error }](path, shape string) ([]R, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &InputError{err}
	}
	defer f.Close()
	lines, err := readLines(Lines{path, f}, R.Check)
	if err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s: there are no rows", path)
	}
	if err != nil {
		return nil, inputError("%w; want lines of %s", err, shape)
	}
	rows := make([]R, len(lines))
	for i, l := range lines {
		rows[i] = l.row
	}
	return rows, nil
}

// once checks that no name comes twice.
func once[R any](path string, rows []R, name func(R) string) error {
	seen := map[string]bool{}
	for i, r := range rows {
		if seen[name(r)] {
			return inputError("%s: row %d: question %s again", path, i+1, name(r))
		}
		seen[name(r)] = true
	}
	return nil
}

// settle makes the settings of the judge, whose replies have maxTokens unless an
// override says otherwise; its answers are kept in Out.
func (b *Benchmark) settle(maxTokens int) error {
	if len(b.Judgments) > 0 {
		_, err := Settings("", b.Sets)
		return err
	}
	c, err := Settings("", append([]string{"ranker.kind=judge", fmt.Sprint("ranker.judge.max_tokens=", maxTokens)}, b.Sets...))
	if err != nil {
		return err
	}
	if b.config = c.Ranker; b.config.Remote.Cache == "" {
		b.config.Remote.Cache = filepath.Join(b.Out, "answers")
	}
	if err := ranker.CheckAsks(b.config); err != nil {
		return &InputError{err}
	}
	return nil
}

// ask has the judge reply to talks.
func (b Benchmark) ask(ctx context.Context, talks []ranker.Talk) ([]string, error) {
	bar := progress.Start(ctx, int64(len(talks)), "judgements")
	defer bar.Done()
	return ranker.Replies(ctx, b.config, talks, func() { bar.Add(1) })
}

// settings are what a result says of how it came about.
func (b Benchmark) settings(more map[string]any) map[string]any {
	if len(b.Judgments) == 0 {
		more["judge_temperature"], more["judge_max_tokens"] = b.config.Judge.Temperature, b.config.Judge.MaxTokens
	}
	if b.Model != "" {
		more["goal"], more["max_tokens"], more["answer_seed"] = b.Goal, b.MaxTokens, b.Seed
	}
	return more
}

// digest is a file's SHA-256.
func digest(path string) (string, error) {
	text, err := readQuestion(path)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), err
}

// write writes one result to w, to its file, and more than one to w alone.
func (b Benchmark) write(w io.Writer, results []eval.Result, items [][]eval.Item) error {
	path := b.Result
	if path == "" && b.Out != "" {
		path = filepath.Join(b.Out, "result.json")
	}
	if path != "" && len(results) > 1 {
		return inputError("%s: there are judgments of %d models: a result is of one", path, len(results))
	}
	if path != "" {
		if err := results[0].Write(path, items[0]); err != nil {
			return &InputError{err}
		}
	}
	texts := make([]json.RawMessage, len(results))
	for i, r := range results {
		var err error
		if texts[i], err = r.Text(); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if len(texts) == 1 {
		return wrapWrite(enc.Encode(texts[0]))
	}
	return wrapWrite(enc.Encode(texts))
}

// writeRows writes a file of JSON lines whole into a folder of Out.
func writeRows[R any](out, folder, name string, rows []R) error {
	dir := filepath.Join(out, folder)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return &InputError{err}
	}
	return replace(filepath.Join(dir, fileName(name)+".jsonl"), func(w io.Writer) error {
		lines := newLineWriter(w)
		for _, r := range rows {
			if err := lines.write(r); err != nil {
				return err
			}
		}
		return lines.flush()
	})
}

// fileName is a model's name as that of a file, which stays in its folder.
func fileName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if clean = strings.TrimLeft(clean, "."); clean == "" {
		return "model"
	}
	return clean
}

// A conversation is what a policy is asked turn by turn; its own answers stay in
// its context.
type conversation struct {
	name        string // for errors
	asks        []string
	temperature float64
	answers     []string
}

// converse has the policy answer all conversations, and returns the name it
// goes by.
func (b Benchmark) converse(ctx context.Context, all []*conversation) (name string, err error) {
	m := Model{DType: b.DType, Device: b.Device}
	if m.Dir, err = policyDir(b.Model); err != nil {
		return "", err
	}
	return name, m.with(func(f *hf.Folder, d torch.DType) error {
		p, err := b.policy(f)
		if err != nil {
			return err
		}
		if name = p.Name; p.Template == nil {
			return inputError("%s has no chat template, without which it answers no questions", f.Name())
		}
		prompter := &chat.Prompter{Template: p.Template, Tokens: p.Tokens, Goal: p.Wording}
		if p.Window > b.MaxTokens {
			prompter.MaxTokens = p.Window - b.MaxTokens
		}
		o := sampler.Options{TopP: 1, MaxTokens: b.MaxTokens, Stop: p.Stop, Seed: b.Seed}
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, policy model.Policy) error {
			bar := progress.Start(ctx, int64(len(all)), "conversations")
			defer bar.Done()
			for len(all) > 0 {
				part := all[:min(window, len(all))]
				all = all[len(part):]
				if err := answerTurns(part, func(temperature float64, turn []*conversation) error {
					requests := make([]sampler.Request, len(turn))
					for i, c := range turn {
						var err error
						requests[i].N = 1
						if _, requests[i].Prompt, err = prompter.Prompt(c.messages(), p.Goal); err != nil {
							return inputError("%s: %w", c.name, err)
						}
					}
					o.Temperature = temperature
					drawn, err := sampler.Generate(ctx, s, policy, requests, o)
					if err != nil {
						return err
					}
					for i, c := range turn {
						c.answers = append(c.answers, strings.TrimSpace(p.Tokens.Decode(drawn[i][0].IDs, true)))
					}
					return nil
				}); err != nil {
					return err
				}
				bar.Add(int64(len(part)))
			}
			if prompter.Cut > 0 {
				zerolog.Ctx(ctx).Warn().Msgf("%d conversations were longer than the model's context: their middle was cut out", prompter.Cut)
			}
			return nil
		})
	})
}

// answerTurns calls answer with the conversations that have a turn to be
// answered at one temperature, first turns first.
func answerTurns(all []*conversation, answer func(temperature float64, turn []*conversation) error) error {
	for done := 0; ; done++ {
		groups := map[float64][]*conversation{}
		var order []float64
		for _, c := range all {
			if done < len(c.asks) {
				if groups[c.temperature] == nil {
					order = append(order, c.temperature)
				}
				groups[c.temperature] = append(groups[c.temperature], c)
			}
		}
		if len(order) == 0 {
			return nil
		}
		for _, t := range order {
			if err := answer(t, groups[t]); err != nil {
				return err
			}
		}
	}
}

// messages are those up to the turn that is to be answered.
func (c *conversation) messages() []table.Message {
	var out []table.Message
	for i, ask := range c.asks[:len(c.answers)+1] {
		out = append(out, table.Message{Role: "user", Content: ask})
		if i < len(c.answers) {
			out = append(out, table.Message{Role: "assistant", Content: c.answers[i]})
		}
	}
	return out
}

// filled is a template of Python's str.format with fields in place.
func filled(template string, fields map[string]string) string {
	pairs := []string{"{{", "{", "}}", "}"}
	for name, text := range fields {
		pairs = append(pairs, "{"+name+"}", text)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
