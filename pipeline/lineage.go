package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/table"
	"radpo/ranker"
)

// The links. Each says in which artifact it was found.
type (
	rowLink struct {
		Artifact       string    `col:"row_of"`
		Row            int32     `col:"row"` // from 1
		PairID         string    `col:"pair_id"`
		Kind           string    `col:"kind"`
		Goal           []float64 `col:"goal"`
		Chosen         int32     `col:"chosen_sample"`
		Rejected       int32     `col:"rejected_sample"`
		RewardChosen   float64   `col:"reward_chosen"`
		RewardRejected float64   `col:"reward_rejected"`
		Method         string    `col:"method"`
		Decimals       int32     `col:"decimals"` // that goals are rounded to
	}
	promptLink struct {
		Artifact string          `col:"prompt_of"`
		ID       string          `col:"prompt_id"`
		Source   string          `col:"source"`
		Split    string          `col:"split"`
		Messages []table.Message `col:"messages"`
	}
	sampleLink struct {
		Artifact string    `col:"sample_of"`
		Row      int32     `col:"row"` // from 1
		PromptID string    `col:"prompt_id"`
		Sample   int32     `col:"sample"`
		Seed     int64     `col:"seed"`
		Asked    []float64 `col:"goal_asked"`
		Finish   string    `col:"finish"`
		Tokens   int32     `col:"tokens"`
		Text     string    `col:"text"`
	}
	scoreLink struct {
		Artifact   string    `col:"score_of"`
		Raw        string    `col:"raw_of"`
		Ranker     string    `col:"ranker"`
		Sample     int32     `col:"sample"`
		RawScore   float64   `col:"raw"`
		Attributes []float64 `col:"attributes"`
		Score      float64   `col:"score"` // 1–10
		Levels     []float64 `col:"levels"`
		Maps       string    `col:"maps"`   // raw values that become the ends of the scale, a column each
		Fitted     int64     `col:"fitted"` // scores that the maps were fitted to
	}
)

// link adds one.
func link[R any](l *lineage, r R) error {
	return table.WriteJSONL(&l.links, func(yield func(R, error) bool) { yield(r, nil) })
}

// row links row n of a pairs table.
func (l *lineage) row(m flow.Made, n int, p table.Pair) error {
	var by struct {
		Augment configs.Augment `json:"augment"`
	}
	if err := json.Unmarshal(m.Config, &by); err != nil {
		return fmt.Errorf("manifest: %s: %w", m.Name, err)
	}
	return link(l, rowLink{
		Artifact: filepath.Base(m.Dir), Row: int32(n), PairID: p.ID, Kind: p.Kind, Goal: p.Goal, Chosen: p.ChosenSample, Rejected: p.RejectedSample,
		RewardChosen: p.RewardChosen, RewardRejected: p.RewardRejected, Method: by.Augment.Method, Decimals: int32(by.Augment.Decimals),
	})
}

// rows links every row of a pairs table in which s stands.
func (l *lineage) rows(m flow.Made, s table.Sample) error {
	t, err := table.Open[table.Pair](m.Dir)
	if err != nil {
		return err
	}
	n := 0
	for p, err := range t.Rows() {
		if err != nil {
			return err
		}
		if n++; p.PromptID == s.PromptID && (p.ChosenSample == s.Sample || p.RejectedSample == s.Sample) {
			if err := l.row(m, n, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// prompt links the prompt of that id that m was made from.
func (l *lineage) prompt(m flow.Made, id string) error {
	prompts, ok := l.input(m, promptStage.Name)
	if !ok {
		return fmt.Errorf("%s was not made of this run's prompts", filepath.Base(m.Dir))
	}
	p, _, err := rowOf(prompts, func(p table.Prompt, _ int) bool { return p.ID == id })
	if err != nil {
		return err
	}
	return link(l, promptLink{filepath.Base(prompts.Dir), p.ID, p.Source, p.Split, p.Messages})
}

// sample links row n of a samples table.
func (l *lineage) sample(m flow.Made, n int, s table.Sample) error {
	return link(l, sampleLink{filepath.Base(m.Dir), int32(n), s.PromptID, s.Sample, s.Seed, s.Goal, s.Finish, int32(len(s.ResponseIDs)), s.Text})
}

// score links the score of s in a table of mapped scores, if it has one there,
// with the constants of its maps.
func (l *lineage) score(m flow.Made, s table.Sample) error {
	t, err := table.Open[table.Score](m.Dir)
	if err != nil {
		return err
	}
	scaling, err := ranker.ReadScaling(t.Meta())
	if err != nil {
		return err
	}
	row, _, err := rowOf(m, func(r table.Score, _ int) bool { return r.PromptID == s.PromptID && r.Sample == s.Sample })
	if errors.Is(err, errNoRow) { // implied rewards are of paired responses alone
		return nil
	} else if err != nil {
		return err
	}
	raw, _ := l.input(m, ranker.Stage.Name, givenScores.Name, ranker.Implied.Name)
	return link(l, scoreLink{
		Artifact: filepath.Base(m.Dir), Raw: filepath.Base(raw.Dir), Ranker: scaling.Ranker, Sample: s.Sample, RawScore: row.Raw, Attributes: row.Attributes,
		Score: row.Score, Levels: row.Levels, Maps: mapsOf(scaling), Fitted: scaling.Fitted,
	})
}

// mapsOf is the constants of a table's maps, to the last digit.
func mapsOf(s ranker.Scaling) string {
	if len(s.Maps) == 0 {
		return "fitted to the prompt's own responses"
	}
	var all []string
	for _, m := range s.Maps {
		all = append(all, fmt.Sprintf("%s: %v becomes %v, %v becomes %v", m.Name, m.From, m.Low, m.To, m.High))
	}
	return strings.Join(all, "; ")
}

// errNoRow is of a row that a table lacks.
var errNoRow = errors.New("there is no such row")

// rowOf is the first row of an artifact that is wanted, and its number from 1.
func rowOf[R any](m flow.Made, wanted func(r R, row int) bool) (R, int, error) {
	var none R
	t, err := table.Open[R](m.Dir)
	if err != nil {
		return none, 0, err
	}
	n := 0
	for r, err := range t.Rows() {
		if n++; err != nil || wanted(r, n) {
			return r, n, err
		}
	}
	return none, 0, fmt.Errorf("%s has %d rows: %w", filepath.Base(m.Dir), n, errNoRow)
}
