package pipeline

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/table"
)

// TokenView says which row is shown token by token, and how.
type TokenView struct {
	Row    int    // from 1
	Model  string // whose tokenizer it is; empty: the run's
	Colour bool
}

// ShowTokens prints one row of a pairs or samples table as its ids, each with
// the role of its text and whether it is trained on: just what the trainer
// gets, response tokens beyond dpo.max_length left out as it leaves them out.
func ShowTokens(dir, stage string, v TokenView, w io.Writer) error {
	limit := 0
	switch run := IsRun(dir); {
	case run:
		c, err := configs.Load(filepath.Join(dir, ConfigFile), nil)
		if err != nil {
			return err
		}
		limit = c.DPO.MaxLength
		var p place
		p, err = resolveAdapted(cmp.Or(v.Model, c.Model), "", filepath.Join(dir, "builtin", "policy"), func(*hf.Folder) error { return nil })
		v.Model = p.model
		if err == nil {
			dir, err = newestOf(dir, stage)
		}
		if err != nil {
			return &InputError{err}
		}
	case v.Model == "":
		return inputError("%s is no run folder: --model DIR has to say whose tokens these are", dir)
	}
	row, err := tokenRow(dir, v.Row, limit)
	if err != nil {
		return &InputError{err}
	}
	f, err := hf.Open(v.Model)
	if err != nil {
		return &InputError{err}
	}
	defer f.Close()
	tokens, err := (&text{folder: f}).tokenizer()
	if err != nil {
		return err
	}
	for _, p := range row.passages {
		if err := checkIDs(p.name, p.ids, tokens.Size()); err != nil {
			return inputError("%s is not of this table: %w", f.Name(), err)
		}
	}
	out := bufio.NewWriter(w)
	row.print(out, &tokenPrinter{tokens: tokens, colour: v.Colour})
	return out.Flush()
}

// A shownRow is a row as passages of tokens.
type shownRow struct {
	title    string
	messages []table.Message
	passages []passage
}

// A passage is a run of tokens that are all trained on, or none.
type passage struct {
	name, note string
	ids        []int32
	role       string // of all its text; empty: found by the row's messages
}

// tokenRow is row n of the table at dir.
func tokenRow(dir string, n, limit int) (shownRow, error) {
	if t, err := table.Open[table.Pair](dir); err == nil {
		p, err := nth(t.Rows(), n, t.Len())
		return pairTokens(p, limit), err
	}
	t, err := table.Open[table.Sample](dir)
	if err != nil {
		return shownRow{}, fmt.Errorf("%s holds no rows of tokens: name a table of pairs or samples", dir)
	}
	s, err := nth(t.Rows(), n, t.Len())
	return shownRow{
		title: fmt.Sprintf("prompt %s, sample %d%s", s.PromptID, s.Sample, goalNote(s.Goal)),
		passages: []passage{
			{name: "prompt", ids: s.PromptIDs, role: "prompt"},
			{name: "response", ids: s.ResponseIDs, role: "response", note: "sampled; finish: " + s.Finish},
		},
	}, err
}

func pairTokens(p table.Pair, limit int) shownRow {
	r := shownRow{
		title:    fmt.Sprintf("pair %s, %s%s", p.ID, p.Kind, goalNote(p.Goal)),
		messages: p.Messages,
		passages: []passage{{name: "prompt", ids: p.PromptIDs, note: "no loss"}},
	}
	for _, side := range []struct {
		name   string
		ids    []int32
		reward float64
	}{{"chosen", p.ChosenIDs, p.RewardChosen}, {"rejected", p.RejectedIDs, p.RewardRejected}} {
		kept, note := side.ids, fmt.Sprintf("loss on each, reward %.4g", side.reward)
		if room := max(0, limit-len(p.PromptIDs)); limit > 0 && len(kept) > room {
			note += fmt.Sprintf(", %d more cut by dpo.max_length %d", len(kept)-room, limit)
			kept = kept[:room]
		}
		r.passages = append(r.passages, passage{side.name, note, kept, side.name})
	}
	return r
}

func goalNote(goal []float64) string {
	if len(goal) == 0 {
		return ""
	}
	return fmt.Sprintf(", goal %v", goal)
}

// nth is row n of the seq's length rows, from 1.
func nth[R any](rows iter.Seq2[R, error], n, length int) (R, error) {
	var none R
	if n < 1 || n > length {
		return none, fmt.Errorf("--row %d: the table has rows 1 to %d", n, length)
	}
	for r, err := range rows {
		if n--; n == 0 || err != nil {
			return r, err
		}
	}
	return none, errors.New("the table ends before its last row")
}

func (r shownRow) print(w io.Writer, p *tokenPrinter) {
	fmt.Fprintln(w, r.title)
	for _, part := range r.passages {
		note := part.note
		if note != "" {
			note = ": " + note
		}
		fmt.Fprintf(w, "\n%s, %d tokens%s\n", part.name, len(part.ids), note)
		role := part.role
		roles := func(from, to int) string { return role }
		if role == "" {
			roles = p.find(part.ids, r.messages)
		}
		p.passage(w, part.ids, roles)
	}
}
