package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// An ArenaStyle is what style control controls for, as the metadata of answers
// have it.
type ArenaStyle struct {
	Tokens  int   `json:"token_len"`
	Headers tally `json:"header_count"`
	Lists   tally `json:"list_count"`
	Bold    tally `json:"bold_count"`
}

// A tally counts by kind; files also have the sum alone.
type tally map[string]int

func (t *tally) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '{' {
		var n int
		err := json.Unmarshal(b, &n)
		*t = tally{"": n}
		return err
	}
	return json.Unmarshal(b, (*map[string]int)(t))
}

func (t tally) sum() float64 {
	n := 0
	for _, k := range t {
		n += k
	}
	return float64(n)
}

// counts are the four features before comparison.
func (s ArenaStyle) counts() [4]float64 {
	return [4]float64{float64(s.Tokens), s.Headers.sum(), s.Lists.sum(), s.Bold.sum()}
}

// styleNames are the features in order.
var styleNames = [4]string{"length", "headers", "lists", "bold"}

// blank is what Python's \s matches; Go's has ASCII only.
const blank = `[\s\v\x1c-\x1f\x{85}\p{Z}]`

var (
	fenced    = regexp.MustCompile("```([^`]*)```")
	ordered   = regexp.MustCompile(`(?m)^` + blank + `*\p{Nd}+\.` + blank)
	unordered = regexp.MustCompile(`(?m)^` + blank + `*[-*+]` + blank)
	starred   = regexp.MustCompile(`\*\*[^*\n]+\*\*`)
	scored    = regexp.MustCompile(`__[^_\n]+__`)
	headers   = func() (out [6]*regexp.Regexp) {
		for i := range out {
			out[i] = regexp.MustCompile(fmt.Sprintf(`(?m)^#{%d}%s`, i+1, blank))
		}
		return out
	}()
)

// MarkdownOf counts headers, list items and bold text outside fenced code, as
// Arena-Hard's add_markdown_info.py.
func MarkdownOf(answer string) ArenaStyle {
	for _, m := range fenced.FindAllStringSubmatch(answer, -1) {
		if m[1] != "" {
			answer = strings.ReplaceAll(answer, m[1], "")
		}
	}
	count := func(p *regexp.Regexp) int { return len(p.FindAllStringIndex(answer, -1)) }
	s := ArenaStyle{
		Headers: tally{},
		Lists:   tally{"ordered": count(ordered), "unordered": count(unordered)},
		Bold:    tally{"**": count(starred), "__": count(scored)},
	}
	for i, p := range headers {
		s.Headers[fmt.Sprint("h", i+1)] = count(p)
	}
	return s
}

// difference compares a model's answer with the baseline's, each feature in −1 …
// 1. In v2 those of markdown are by token.
func (r ArenaRules) difference(model, base ArenaStyle) []float64 {
	m, b := model.counts(), base.counts()
	out := make([]float64, len(m))
	for k := range m {
		one := 1.0
		switch {
		case r == ArenaV2 && k == 0:
			one = 0
		case r == ArenaV2:
			m[k] /= m[0] + 1
			b[k] /= b[0] + 1
		}
		if sum := m[k] + b[k] + one; sum > 0 {
			out[k] = (m[k] - b[k]) / sum
		}
	}
	return out
}

// standardise makes each feature's mean zero and deviation one, over games as
// often as they count; a constant feature becomes zero.
func (r ArenaRules) standardise(bs []battle) {
	w := column(bs, func(b battle) float64 { return b.weight })
	for k := range bs[0].style {
		values := column(bs, func(b battle) float64 { return b.style[k] })
		mean, deviation := stat.PopMeanStdDev(values, w)
		if r == ArenaV2 {
			mean, deviation = stat.MeanStdDev(values, w)
		}
		for i, v := range values {
			bs[i].style[k] = 0
			if deviation > 1e-12 {
				bs[i].style[k] = (v - mean) / deviation
			}
		}
	}
}

// A styled fit is Bradley–Terry's model of games against one baseline with
// features of style beside the players.
//
//	v0.1  base 10; the baseline has a weight too, and all are penalised as scikit-learn does with C = 1
//	v2    base e; nothing is penalised
type styled struct {
	rules  ArenaRules
	models []string
	game   logistic
	counts []float64 // of each row
	last   []float64 // fit, to begin the next one at
}

func newStyled(rules ArenaRules, models []string, bs []battle) *styled {
	s := &styled{rules: rules, models: models}
	width := len(models)
	scale, times := 1.0, 1.0
	if rules == ArenaV01 {
		width++
		s.game.penalty = 1
		scale, times = math.Ln10, 2 // upstream has every game twice, so that a tie is a win and a loss
	}
	for _, b := range bs {
		x := make([]float64, width, width+len(b.style))
		x[slices.Index(models, b.model)] = scale
		if rules == ArenaV01 {
			x[width-1] = -scale
		}
		s.game.x = append(s.game.x, append(x, b.style...))
		s.game.y = append(s.game.y, b.score)
		s.counts = append(s.counts, times*b.weight)
	}
	s.last = make([]float64, width+len(bs[0].style))
	return s
}

// fit is each model's probability of a win at the baseline's style, then the
// features' weights, with row i counted w[i] times.
func (s *styled) fit(w []float64) []float64 {
	theta := s.theta(w)
	out := make([]float64, 0, len(theta))
	for m := range s.models {
		z := theta[m]
		if s.rules == ArenaV01 {
			z = math.Ln10 * (theta[m] - theta[len(s.models)])
		}
		out = append(out, 100*sigmoid(z))
	}
	features := len(theta) - len(s.models)
	if s.rules == ArenaV01 {
		features--
	}
	return append(out, theta[len(theta)-features:]...)
}

func (s *styled) theta(w []float64) []float64 {
	weights := slices.Clone(w)
	for i, c := range s.counts {
		weights[i] *= c
	}
	return s.game.fit(weights, s.last)
}
