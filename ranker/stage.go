package ranker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// Stage reads prompts, samples and, unless it is the rule, a reward model, and
// writes a table of raw scores, a row a sample in their order. A ranker that
// reads prompts in the policy's template takes that policy as fourth input.
var Stage = flow.Kind[Config]{Name: "rank", Version: 5, Run: run}

// A Config is what raw scores depend on besides what the stage reads.
type Config struct {
	configs.Ranker `json:"ranker"` // without its model, which is read
	DType          string          `json:"dtype"`
	Device         string          `json:"device"`
}

// segment is how many prompts one committed part holds: what a kill loses.
const segment = 64

func run(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
	samples, err := table.ReadAll[table.Sample](in.At(1))
	if err != nil {
		return err
	}
	requests, err := join(in.At(0), samples)
	if err != nil {
		return err
	}
	if c.Kind == "pairrm" && c.PairRM.PromptForm == "chat" {
		if err := render(in.At(3), requests); err != nil {
			return err
		}
	}
	var f *hf.Folder
	if in.At(2) != "" {
		if f, err = hf.Open(in.At(2)); err != nil {
			return err
		}
		defer f.Close()
	}
	d, err := model.DType(c.DType)
	if err != nil {
		return err
	}
	device, err := torch.OpenDevice(c.Device)
	if err != nil {
		return err
	}
	return torch.Run(ctx, device, func(s *torch.Scope) error {
		r, err := Open(s, c.Ranker, f, d)
		if err != nil {
			return err
		}
		parts, err := c.segments(ctx, s, r, requests, samples, out)
		if err != nil {
			return err
		}
		return gather(ctx, parts, Origin{c.ranker(in), table.SamplesDigest(samples), r.Names()}, out.Dir())
	})
}

// render gives requests their prompts as the policy at dir sees them.
func render(dir string, requests []Request) error {
	f, err := hf.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := chat.Load(f.FS())
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	for i := range requests {
		if requests[i].Rendered, err = t.Render(requests[i].Messages, true); err != nil {
			return fmt.Errorf("%s: %w", requests[i].Name, err)
		}
	}
	return nil
}

// join makes one request of the samples of each prompt, which stand together.
func join(prompts string, samples []table.Sample) ([]Request, error) {
	t, err := table.Open[table.Prompt](prompts)
	if err != nil {
		return nil, err
	}
	messages := map[string][]table.Message{}
	for p, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		messages[p.ID] = p.Messages
	}
	var out []Request
	for i, q := range samples {
		m, ok := messages[q.PromptID]
		if !ok {
			return nil, fmt.Errorf("sample %d is of prompt %s, which the prompts table lacks", i, q.PromptID)
		}
		if i == 0 || samples[i-1].PromptID != q.PromptID {
			out = append(out, Request{Name: "prompt " + q.PromptID, Messages: m})
		}
		r := &out[len(out)-1]
		r.Responses, r.Finished = append(r.Responses, q.Text), append(r.Finished, q.Finish == table.FinishStop)
	}
	return out, nil
}

// segments rates what earlier runs have not, and returns a table a segment.
func (c Config) segments(ctx context.Context, s *torch.Scope, r Ranker, requests []Request, samples []table.Sample, out *flow.Out) (parts []string, err error) {
	bar := progress.Start(ctx, int64(len(requests)), "prompts")
	defer bar.Done()
	for i := 0; i*segment < len(requests); i++ {
		part := fmt.Sprintf("segment-%06d", i)
		batch := requests[i*segment : min((i+1)*segment, len(requests))]
		n := 0
		for _, q := range batch {
			n += len(q.Responses)
		}
		own := samples[:n]
		samples = samples[n:]
		dir, old, err := out.Ensure(part, func(dir string) error {
			ratings, err := r.Rank(ctx, s, batch)
			if err == nil && c.NonFinite != "drop" {
				err = finite(own, ratings)
			}
			if err != nil {
				return err
			}
			return write(dir, own, ratings, tallyOf(batch, ratings))
		})
		if err != nil {
			return nil, err
		}
		if done := int64(len(batch)); old {
			bar.Skip(done)
		} else {
			bar.Add(done)
		}
		parts = append(parts, dir)
	}
	return parts, nil
}

// gather joins the tables of segments in dir and says in its metadata by whom
// they are and what they counted together.
func gather(ctx context.Context, parts []string, o Origin, dir string) error {
	var all tally
	for _, part := range parts {
		t, err := readTally(part)
		if err != nil {
			return err
		}
		all.add(t)
	}
	zerolog.Ctx(ctx).Info().Msg(all.Counts.String())
	if all.Bias.Pairs > 0 {
		zerolog.Ctx(ctx).Info().Msg(all.Bias.String())
	}
	meta, err := all.meta(o)
	if err != nil {
		return err
	}
	w, err := table.Create[table.Score](dir, meta)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := w.Append(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// finite refuses ratings that have no place on a scale.
func finite(samples []table.Sample, ratings [][]Rating) error {
	for _, list := range ratings {
		for _, r := range list {
			if q := samples[0]; !torch.Finite(r.Score) {
				return notFinite(q.PromptID, q.Sample, fmt.Sprint(r.Score))
			}
			samples = samples[1:]
		}
	}
	return nil
}

func write(dir string, samples []table.Sample, ratings [][]Rating, t tally) error {
	var rows []table.Score
	for _, list := range ratings {
		for _, r := range list {
			s := samples[len(rows)]
			rows = append(rows, table.Score{PromptID: s.PromptID, Sample: s.Sample, Raw: r.Score, Attributes: r.Attributes, Gating: r.Gating, Pairwise: r.Pairwise})
		}
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return table.WriteAll(dir, map[string]string{tallyKey: string(text)}, rows)
}
