package ranker

import (
	"context"
	"encoding/json"
	"fmt"

	"radpo/internal/flow"
	"radpo/internal/table"
)

// Implied reads a pairs table and the log-probabilities of its responses under
// a policy that DPO trained and under that policy's reference, and writes raw
// scores: the reward that DPO implies,
//
//	β·(log π(y|x) − log π_ref(y|x))
//
// which is the reward up to a term of the prompt alone (arXiv:2305.18290, eq. 5;
// the paper's IRA). The table has one row a response, in the order of the pairs;
// a response whose pair has no log-probabilities has none.
var Implied = flow.Kind[ImpliedConfig]{Name: "implied", Version: 1, Run: runImplied}

// An ImpliedConfig is what the reward depends on besides what the stage reads.
type ImpliedConfig struct {
	Beta float64 `json:"dpo.beta"` // that the policy was trained with
}

func runImplied(_ context.Context, c ImpliedConfig, in flow.In, out *flow.Out) error {
	var tables [2][]table.Ref
	for i := range tables {
		var err error
		if tables[i], err = table.ReadAll[table.Ref](in.At(i + 1)); err != nil {
			return err
		}
	}
	pairs, err := table.ReadAll[table.Pair](in.At(0))
	if err != nil {
		return err
	}
	rows, err := implied(c.Beta, pairs, tables[0], tables[1])
	if err != nil {
		return err
	}
	names, err := json.Marshal([]string{})
	if err != nil {
		return err
	}
	meta := map[string]string{attributes: string(names), rankedBy: "implicit " + in.Print(1).Short()}
	return table.WriteAll(out.Dir(), meta, rows)
}

// implied is a row for each response of pairs. The log-probabilities are in the
// order of pairs, without those that training drops.
func implied(beta float64, pairs []table.Pair, policy, reference []table.Ref) ([]table.Score, error) {
	if len(policy) != len(reference) {
		return nil, fmt.Errorf("%d rows of the policy's log-probabilities and %d of its reference's: they are not of one pairs table", len(policy), len(reference))
	}
	type response struct {
		prompt string
		sample int32
	}
	seen := map[response]bool{}
	var rows []table.Score
	next := 0
	for _, p := range pairs {
		if next == len(policy) || policy[next].PairID != p.ID {
			continue
		}
		of, ref := policy[next], reference[next]
		if ref.PairID != p.ID {
			return nil, fmt.Errorf("row %d is pair %s of the policy and %s of its reference: they are not of one pairs table", next, p.ID, ref.PairID)
		}
		next++
		for _, s := range []table.Score{
			{PromptID: p.PromptID, Sample: p.ChosenSample, Raw: beta * float64(of.Chosen-ref.Chosen)},
			{PromptID: p.PromptID, Sample: p.RejectedSample, Raw: beta * float64(of.Rejected-ref.Rejected)},
		} {
			if is := (response{s.PromptID, s.Sample}); !seen[is] {
				seen[is] = true
				rows = append(rows, s)
			}
		}
	}
	if next < len(policy) {
		return nil, fmt.Errorf("log-probabilities of pair %s, which the pairs table lacks: they are not of it", policy[next].PairID)
	}
	return rows, nil
}
