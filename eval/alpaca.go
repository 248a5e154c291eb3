package eval

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"radpo/internal/table"
)

// Alpaca is what AlpacaEval 2 measures a model by.
type Alpaca struct {
	Rows       []table.Annotation
	Difficulty []table.Difficulty // nil: the model is without
	Gamed      []table.Gamed      // nil: it is not regularised to the baseline
	C          float64            // of the fit; 0: by cross-validation
	// ByInstruction looks difficulties up by the instruction's hash. Upstream
	// goes by position, so that behind a missing row all have their neighbour's.
	ByInstruction bool
	Outputs       []table.Output // of the model, for the mean length; nil: those of Rows
	Draws         int            // of the bootstrap; 0: there are no intervals
}

// An AlpacaRow is a row of AlpacaEval's leaderboard, in percent, with what it
// does not say: the C of the fit, its weights, and bootstrap intervals.
type AlpacaRow struct {
	Model         string  `json:"model"`
	Baseline      string  `json:"baseline"`
	WinRate       float64 `json:"win_rate"`
	StandardError float64 `json:"standard_error"`
	Wins          int     `json:"n_wins"`
	BaseWins      int     `json:"n_wins_base"`
	Draws         int     `json:"n_draws"`
	Total         int     `json:"n_total"`
	Discrete      float64 `json:"discrete_win_rate"`
	Mode          string  `json:"mode"`
	Length        int     `json:"avg_length"` // characters
	Controlled    float64 `json:"length_controlled_winrate"`
	// ControlledError is upstream's: the spread of fitted probabilities over
	// instructions, no sampling error. That is LCBootstrap's.
	ControlledError float64       `json:"lc_standard_error"`
	C               float64       `json:"lc_c"`
	GLM             string        `json:"lc_glm"` // upstream's name of the model
	Weights         LengthWeights `json:"lc_weights"`
	Bootstrap       *Spread95     `json:"win_rate_bootstrap,omitempty"`
	LCBootstrap     *Spread95     `json:"length_controlled_winrate_bootstrap,omitempty"`
}

// A Spread95 is a bootstrap's deviation and 95 % interval over instructions.
type Spread95 struct {
	Error float64 `json:"standard_error"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
	Draws int     `json:"draws"`
	Seed  int64   `json:"seed"`
}

// Whom the published difficulties and gamed judgements belong to.
const (
	AlpacaBaseline = "gpt4_1106_preview"
	AlpacaJudge    = "weighted_alpaca_eval_gpt4_turbo"
)

// Extreme reports whether the length control changes so much that upstream
// suspects its fit.
func (r AlpacaRow) Extreme() bool {
	return r.Controlled < min(r.WinRate-r.WinRate/4, r.WinRate-10) || r.Controlled > max(r.WinRate+(100-r.WinRate)/4, r.WinRate+10)
}

// alpacaSeed is of the bootstrap.
const alpacaSeed = 42

// AlpacaEval measures a model by its annotations.
func AlpacaEval(in Alpaca) (AlpacaRow, error) {
	c, err := newContest(in)
	if err != nil {
		return AlpacaRow{}, err
	}
	r := c.row()
	r.Length = c.length / len(c.rows)
	if in.Outputs != nil {
		r.Length = meanLength(in.Outputs)
	}
	r.Bootstrap = c.spread(in.Draws, r.WinRate, c.winRate)
	r.LCBootstrap = c.spread(in.Draws, r.Controlled, c.controlled)
	return r, nil
}

// spread summarises n draws of a statistic; nil without any.
func (c *contest) spread(n int, value float64, f statistic) *Spread95 {
	if n == 0 {
		return nil
	}
	s := &sheet{seed: alpacaSeed}
	draws := s.draws(n, c.names(), f)
	lo, hi := bounds(value, draws)
	return &Spread95{Error: stat.StdDev(draws, nil), Lo: lo, Hi: hi, Draws: len(draws), Seed: s.seed}
}

// A contest is a model against its baseline, ready to be fitted.
type contest struct {
	rows       []table.Annotation
	difficulty []float64 // of each row
	length     int       // of all outputs of the model together, in characters
	glm        glm
	of         []int // the annotation behind each row of the glm that is the model's
	name       string
	c          float64
	weights    LengthWeights
	itself     bool // the model is the baseline
}

func newContest(in Alpaca) (*contest, error) {
	if err := agree(in.Rows); err != nil {
		return nil, err
	}
	c := &contest{rows: in.Rows, name: "length_controlled_minimal"}
	c.itself = in.Rows[0].Generator1 != "" && in.Rows[0].Generator1 == in.Rows[0].Generator2
	switch {
	case in.Gamed != nil && in.Difficulty == nil:
		return nil, fmt.Errorf("alpaca: gamed judgements need the instructions' difficulties too")
	case in.Gamed != nil:
		c.name = "length_controlled_v1"
	case in.Difficulty != nil:
		c.name = "length_controlled_noreg"
	}
	c.glm.rows = make([]glmRow, 0, len(in.Gamed)+len(in.Rows))
	if err := c.addGamed(in); err != nil {
		return nil, err
	}
	if err := c.addRows(in); err != nil {
		return nil, err
	}
	if c.itself {
		return c, nil
	}
	if len(c.of) < folds {
		return nil, fmt.Errorf("alpaca: %d annotations have a preference: the length control needs %d or more", len(c.of), folds)
	}
	if c.c = in.C; c.c == 0 {
		c.c = c.glm.chooseC()
	}
	c.weights = newDescent(LengthWeights{}, newColumns(c.glm.rows)).fit(c.c, exact)
	return c, nil
}

// agree checks that annotations are of one model and one baseline, each
// instruction once.
func agree(rows []table.Annotation) error {
	if len(rows) == 0 {
		return fmt.Errorf("alpaca: there are no annotations")
	}
	first, seen := rows[0], map[string]string{}
	for _, a := range rows {
		if before, again := seen[a.Instruction]; again && a.Instruction != "" {
			return fmt.Errorf("%s: the instruction of %s again", a.At, before)
		}
		seen[a.Instruction] = a.At
		switch {
		case a.Generator2 != first.Generator2:
			return fmt.Errorf("%s: generator_2 is %q, in the rows before %q: give one model a file", a.At, a.Generator2, first.Generator2)
		case a.Generator1 != first.Generator1:
			return fmt.Errorf("%s: generator_1 is %q, in the rows before %q: want one baseline", a.At, a.Generator1, first.Generator1)
		}
	}
	return nil
}

// gamedWeight is half of upstream's λ = 0.2, for there are two gamed variants.
const gamedWeight = 0.1

func (c *contest) addGamed(in Alpaca) error {
	for k := 0; k < len(in.Gamed); {
		from := k
		var differences []float64
		for ; k < len(in.Gamed) && in.Gamed[k].Variant == in.Gamed[from].Variant; k++ {
			if in.Gamed[k].Index >= len(in.Difficulty) {
				return fmt.Errorf("alpaca: a gamed judgement is of instruction %d; there are difficulties of %d", in.Gamed[k].Index, len(in.Difficulty))
			}
			differences = append(differences, in.Gamed[k].Delta)
		}
		for i, t := range standardised(differences) {
			g := in.Gamed[from+i]
			c.glm.rows = append(c.glm.rows, glmRow{[3]float64{t, in.Difficulty[g.Index].Value, 0}, g.Preference, gamedWeight})
		}
	}
	c.glm.gamed = len(c.glm.rows)
	return nil
}

func (c *contest) addRows(in Alpaca) error {
	difficulty, err := in.difficulties()
	if err != nil {
		return err
	}
	c.difficulty = difficulty
	differences := make([]float64, len(c.rows))
	for i, a := range c.rows {
		length := characters(a.Output2)
		differences[i] = float64(characters(a.Output1) - length)
		c.length += length
	}
	for i, t := range standardised(differences) {
		if p := c.rows[i].Preference; !math.IsNaN(p) {
			c.glm.rows = append(c.glm.rows, glmRow{[3]float64{t, c.difficulty[i], 1}, p - 1, 1})
			c.of = append(c.of, i)
		}
	}
	return nil
}

// difficulties are those of the rows; zeros where there are none.
func (in Alpaca) difficulties() ([]float64, error) {
	out := make([]float64, len(in.Rows))
	if in.Difficulty == nil {
		return out, nil
	}
	byHash := map[string]float64{}
	for i, d := range in.Difficulty {
		byHash[cmp.Or(d.Hash, strconv.Itoa(i))] = d.Value
	}
	for i, a := range in.Rows {
		if !in.ByInstruction {
			if i >= len(in.Difficulty) {
				return nil, fmt.Errorf("%s: there are difficulties of %d instructions only", a.At, len(in.Difficulty))
			}
			out[i] = in.Difficulty[i].Value
			continue
		}
		sum := sha256.Sum256([]byte(a.Instruction))
		d, ok := byHash[hex.EncodeToString(sum[:])[:12]]
		if !ok {
			return nil, fmt.Errorf("%s: the instruction is none of those with a difficulty: the alignment by instruction needs its hash there", a.At)
		}
		out[i] = d
	}
	return out, nil
}

// row is the leaderboard's.
func (c *contest) row() AlpacaRow {
	r := AlpacaRow{Model: c.rows[0].Generator2, Baseline: c.rows[0].Generator1, Mode: "community", C: c.c, GLM: c.name, Weights: c.weights}
	var won, fitted []float64
	discrete := 0.0
	for i, a := range c.rows {
		fitted = append(fitted, c.probability(i))
		if math.IsNaN(a.Preference) {
			continue
		}
		p := a.Preference - 1
		won = append(won, p)
		switch {
		case p > 0.5:
			r.Wins++
			discrete++
		case p < 0.5:
			r.BaseWins++
		default:
			r.Draws++
			discrete += 0.5
		}
	}
	r.Total = len(won)
	r.WinRate, r.StandardError = meanPercent(won)
	r.Discrete = 100 * discrete / float64(len(won))
	r.Controlled, r.ControlledError = meanPercent(fitted)
	return r
}

// meanPercent is the mean and its standard error.
func meanPercent(p []float64) (mean, se float64) {
	mean, deviation := stat.MeanStdDev(p, nil)
	return 100 * mean, 100 * stat.StdErr(deviation, float64(len(p)))
}

// probability is that of row i at the baseline's length.
func (c *contest) probability(i int) float64 { return c.weights.Probability(c.difficulty[i]) }

// names are one an annotation, so that each is drawn alone.
func (c *contest) names() []string {
	out := make([]string, len(c.rows))
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}

// winRate is the statistic.
func (c *contest) winRate(w []float64) float64 {
	var sum, n float64
	for i, a := range c.rows {
		if !math.IsNaN(a.Preference) {
			sum += w[i] * (a.Preference - 1)
			n += w[i]
		}
	}
	return 100 * sum / n
}

// controlled is the length-controlled win rate, fitted again at the same C.
// Gamed rows and the unit of length stay as they are.
func (c *contest) controlled(w []float64) float64 {
	fitted := c.weights
	if !c.itself {
		times := ones(len(c.glm.rows))
		for k, i := range c.of {
			times[c.glm.gamed+k] = w[i]
		}
		fitted = newDescent(fitted, newColumns(c.glm.counted(times))).fit(c.c, exact)
	}
	var sum, n float64
	for i, d := range c.difficulty {
		sum += w[i] * fitted.Probability(d)
		n += w[i]
	}
	return 100 * sum / n
}

// meanLength is upstream's avg_length, rounded down.
func meanLength(outputs []table.Output) int {
	sum := 0
	for _, o := range outputs {
		sum += characters(o.Output)
	}
	return sum / len(outputs)
}
