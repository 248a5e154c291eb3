package dpo

import (
	"fmt"
	"iter"
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
	refChosen        float32
	refRejected      float32
}

// fork is the row's tokens, the prompt once.
func (r row) fork() model.Fork {
	return model.Fork{Prompt: r.prompt, Responses: [][]int32{r.chosen, r.rejected}}
}

// Dropped counts rows left out, by cause, and rows that lost something.
type Dropped struct {
	Empty     int `json:"empty"`     // a response without tokens
	Identical int `json:"identical"` // both responses have the same tokens, perhaps after the cut
	TooLong   int `json:"too_long"`  // the prompt alone fills max_length
	Cut       int `json:"cut"`       // kept, but a response lost its tail to max_length
}

// readRows applies the length rule and drops rows that cannot teach: a
// response that does not fit behind its prompt loses its tail. No row at all
// is an error.
func readRows(pairs iter.Seq2[table.Pair, error], maxLength int) ([]row, Dropped, error) {
	var rows []row
	var d Dropped
	for p, err := range pairs {
		if err != nil {
			return nil, d, err
		}
		if len(p.PromptIDs) == 0 {
			return nil, d, fmt.Errorf("pair %s has no prompt ids", p.ID)
		}
		room := maxLength - len(p.PromptIDs)
		chosen, rejected := head(p.ChosenIDs, room), head(p.RejectedIDs, room)
		switch {
		case room <= 0:
			d.TooLong++
			continue
		case len(chosen) == 0 || len(rejected) == 0:
			d.Empty++
			continue
		case slices.Equal(chosen, rejected):
			d.Identical++
			continue
		case len(chosen) < len(p.ChosenIDs) || len(rejected) < len(p.RejectedIDs):
			d.Cut++
		}
		rows = append(rows, row{id: p.ID, prompt: p.PromptIDs, chosen: chosen, rejected: rejected})
	}
	if len(rows) == 0 {
		return nil, d, fmt.Errorf("no pair to train on: %d have an empty response, in %d both responses are the same, "+
			"%d prompts alone fill dpo.max_length %d", d.Empty, d.Identical, d.TooLong, maxLength)
	}
	return rows, d, nil
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
