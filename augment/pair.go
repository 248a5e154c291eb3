package augment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"radpo/configs"
	"radpo/internal/table"
)

// A response is a sample with its score.
type response struct {
	sample *table.Sample
	score  *table.Score
	win    float64 // probability of being preferred to the prompt's responses, itself among them
}

// judge sorts and fills in the wins of a prompt's scored responses: by Bradley and Terry on
// the ranker's own scale, response i is preferred to j with σ(rᵢ − rⱼ), to
// itself with a half, and its win is the mean over all j (arXiv:2405.00675).
func judge(all []response) {
	slices.SortFunc(all, byScore) // the order of the input must not show in the last bit
	for i := range all {
		all[i].win = 0
		for _, other := range all {
			all[i].win += 1 / (1 + math.Exp(other.score.Raw-all[i].score.Raw)) / float64(len(all))
		}
	}
}

// empty reports whether there is nothing to learn from: no text before the stop
// id.
func (r *response) empty() bool { return strings.TrimSpace(r.sample.Text) == "" }

// same reports whether two responses are the same ids or, before there are any,
// the same text.
func (r response) same(o response) bool {
	a, b := r.sample, o.sample
	return slices.Equal(a.ResponseIDs, b.ResponseIDs) && (len(a.ResponseIDs) > 0 || a.Text == b.Text)
}

// unscored reports whether the ranker could not place the response.
func (r *response) unscored() bool {
	return !finite(r.score.Raw) || !finite(r.score.Score) || slices.ContainsFunc(r.score.Levels, func(x float64) bool { return !finite(x) })
}

// limited reports whether the sampler cut the response.
func (r *response) limited() bool { return r.sample.Finish == table.FinishLength }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// A pair is two responses to a prompt, ordered by the ranker's own scale. The
// 1–10 scale would not do: clipping makes ties there.
type pair struct{ better, worse response }

// usable leaves out the responses of a prompt that can stand in no pair.
func usable(c configs.Augment, all []response, counts *Counts) []response {
	rest := make([]response, 0, len(all))
	for i := range all {
		switch r := &all[i]; {
		case r.empty():
			counts.Empty++
		case r.unscored():
			counts.Unscored++
		case c.LengthLimited == "drop" && r.limited():
			counts.Limited++
		default:
			rest = append(rest, *r)
		}
	}
	return rest
}

// choose picks the pairs of one prompt, and counts those it cannot form.
func choose(c configs.Augment, all []response, draw func(n int) int, counts *Counts) []pair {
	rest := usable(c, all, counts)
	var pairs []pair
	if len(rest) > 1 {
		judge(rest)
		pairs = picked(c, rest, draw)
	}
	wanted := 1
	if c.Pair == "both" {
		wanted = 2
	}
	counts.TooFew += max(0, wanted-len(pairs))
	return pairs
}

// picked is the pairs of a prompt's two or more responses by the rule of c.
func picked(c configs.Augment, all []response, draw func(n int) int) []pair {
	switch c.Pair {
	case "threshold":
		return pairsWhere(all, func(better, worse response) bool {
			return better.score.Score >= c.Threshold && worse.score.Score < c.Threshold
		})
	case "all":
		return pairsWhere(all, func(_, _ response) bool { return true })
	}
	best, others, worst := sorted(all)
	var pairs []pair
	if c.Pair != "best-random" {
		pairs = append(pairs, pair{best, worst})
	} else if c.Released() {
		others = append(others, worst)
	}
	if c.Pair != "best-worst" && len(others) > 0 {
		pairs = append(pairs, pair{best, others[draw(len(others))]})
	}
	return pairs
}

// pairsWhere is each response over each that scores lower, or comes later with
// the same score, where wanted.
func pairsWhere(all []response, wanted func(better, worse response) bool) []pair {
	slices.SortFunc(all, byScore)
	var pairs []pair
	for i, better := range all {
		for _, worse := range all[i+1:] {
			if wanted(better, worse) {
				pairs = append(pairs, pair{better, worse})
			}
		}
	}
	return pairs
}

// sorted parts the best response and the worst from the others, which stand by
// score. Of equals the first by number counts, as with numpy's argmax and
// argmin; the order of the input does not matter.
func sorted(all []response) (best response, middle []response, worst response) {
	slices.SortFunc(all, byScore)
	last := len(all) - 1
	at := slices.IndexFunc(all, func(r response) bool { return r.score.Raw == all[last].score.Raw })
	if at == 0 { // all are equal: a tie, whichever is taken
		at = last
	}
	best, worst = all[0], all[at]
	return best, slices.Delete(all, at, at+1)[1:], worst
}

// byScore puts the highest raw score first.
func byScore(a, b response) int {
	switch {
	case a.score.Raw > b.score.Raw:
		return -1
	case a.score.Raw < b.score.Raw:
		return 1
	}
	return int(a.sample.Sample) - int(b.sample.Sample)
}

// teaches reports whether c keeps p, and counts the cause if not.
func (p pair) teaches(c configs.Augment, counts *Counts) bool {
	switch {
	case c.Identical == "drop" && p.better.same(p.worse):
		counts.Identical++
	case c.Ties == "drop" && p.better.score.Raw == p.worse.score.Raw:
		counts.Tie++
	case p.better.score.Score-p.worse.score.Score < c.MinMargin:
		counts.Margin++
	case c.Released() && mean(p.better.score.Attributes) < mean(p.worse.score.Attributes):
		counts.Attributes++
	case c.Ties == "drop" && c.BothGoals() && slices.Equal(goal(c, p.better), goal(c, p.worse)):
		counts.SameGoal++
	default:
		counts.Pairs++
		return true
	}
	return false
}

// mean of a response's attributes, 0 for none.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}

// drawFrom is a random number below n that depends on its arguments alone, so
// that neither order nor restarts change it. The bias of the remainder is below
// n in 2⁶⁴.
func drawFrom(seed int64, iteration int, promptID string) func(n int) int {
	return func(n int) int {
		h := sha256.Sum256(fmt.Appendf(nil, "augment %d %d %s", seed, iteration, promptID))
		return int(binary.BigEndian.Uint64(h[:]) % uint64(n))
	}
}
