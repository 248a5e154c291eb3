package dpo

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"radpo/internal/model"
	"radpo/internal/table"
)

// A row is what training needs of a pair, with the reference's word on it.
type row struct {
	id               string
	prompt           []int32
	chosen, rejected []int32
	unrelated        [2][]int32 // responses of another row, that fit behind this prompt
	refChosen        float32
	refRejected      float32
	refUnrelated     [2]float32
	verdict
	origin
}

// fork is the row's tokens, the prompt once.
func (r row) fork() model.Fork {
	return model.Fork{Prompt: r.prompt, Responses: [][]int32{r.chosen, r.rejected}}
}

// A verdict is what losses use of a pair's rewards; they are NaN where the row
// has none.
//
// Under a goal g a response with reward R is worth −|g − R|, and the goal of a
// row is what its chosen response reached. So chosen leads by the distance of
// the rewards even where its own is the lower one.
type verdict struct {
	gap         float32 // by how much chosen leads
	good        bool    // chosen has at least rejected's reward, whatever the goal
	win, winNot float32 // probability that chosen, and rejected, is preferred to the prompt's responses
}

// judge takes the row's own probabilities of being preferred, or, where it has
// none, those of Bradley and Terry between the two.
func judge(p table.Pair) verdict {
	gap, win, winNot := p.RewardChosen-p.RewardRejected, p.WinChosen, p.WinRejected
	good := gap >= 0
	if len(p.Goal) > 0 {
		gap, win, winNot = math.Abs(gap), max(win, winNot), min(win, winNot)
	}
	if !(win+winNot > 0) {
		win = 1 / (1 + math.Exp(-gap))
		winNot = 1 - win
	}
	return verdict{float32(gap), good, float32(win), float32(winNot)}
}

// Counts says what became of pairs: rows that are trained on, rows left out by
// cause, and rows that lost something.
type Counts struct {
	Rows      int `json:"rows"`
	Empty     int `json:"empty"`     // a response without tokens
	Identical int `json:"identical"` // both responses have the same tokens, perhaps after the cut
	TooLong   int `json:"too_long"`  // the prompt alone fills max_length
	Cut       int `json:"cut"`       // kept, but a response lost its tail to max_length
}

// readRows applies the length rule and drops rows that cannot teach: a
// response that does not fit behind its prompt loses its tail. Alone leaves
// rejected responses out: they neither count nor cost. No row at all is an
// error.
func readRows(pairs iter.Seq2[table.Pair, error], maxLength int, alone bool) ([]row, Counts, error) {
	var rows []row
	var c Counts
	for p, err := range pairs {
		if err != nil {
			return nil, c, err
		}
		if len(p.PromptIDs) == 0 {
			return nil, c, fmt.Errorf("pair %s has no prompt ids", p.ID)
		}
		room := maxLength - len(p.PromptIDs)
		if alone {
			p.RejectedIDs = nil
		}
		chosen, rejected := head(p.ChosenIDs, room), head(p.RejectedIDs, room)
		switch {
		case room <= 0:
			c.TooLong++
			continue
		case len(chosen) == 0 || len(rejected) == 0 && !alone:
			c.Empty++
			continue
		case slices.Equal(chosen, rejected):
			c.Identical++
			continue
		case len(chosen) < len(p.ChosenIDs) || len(rejected) < len(p.RejectedIDs):
			c.Cut++
		}
		rows = append(rows, row{id: p.ID, prompt: p.PromptIDs, chosen: chosen, rejected: rejected, verdict: judge(p), origin: originOf(p)})
	}
	c.Rows = len(rows)
	if len(rows) == 0 {
		return nil, c, fmt.Errorf("no pair to train on: %d have an empty response, in %d both responses are the same, "+
			"%d prompts alone fill dpo.max_length %d", c.Empty, c.Identical, c.TooLong, maxLength)
	}
	acquaint(rows, maxLength)
	return rows, c, nil
}

// acquaint gives each row the responses of the row half the table away, which
// is of another prompt: what KTO takes the policy's drift from. It does not
// depend on batches or on the order of training.
func acquaint(rows []row, maxLength int) {
	for i := range rows {
		r, other := &rows[i], rows[(i+len(rows)/2)%len(rows)]
		room := maxLength - len(r.prompt)
		r.unrelated = [2][]int32{head(other.chosen, room), head(other.rejected, room)}
	}
}

// mismatched is rows with the responses of others.
func mismatched(rows []row) []row {
	out := slices.Clone(rows)
	for i := range out {
		out[i].chosen, out[i].rejected = out[i].unrelated[0], out[i].unrelated[1]
	}
	return out
}

func head(ids []int32, n int) []int32 { return ids[:max(0, min(n, len(ids)))] }

// order is the sequence of rows in an epoch: a pure function of its arguments.
func order(n int, seed int64, epoch int, shuffled bool) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	if shuffled {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(epoch)))
		r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}
