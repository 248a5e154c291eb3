package ranker

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"radpo/internal/table"
)

// A Scaling is how a table's scores were mapped; it is kept with the table.
type Scaling struct {
	Ranker  string    `json:"ranker"`  // that gave the raw scores: its kind and its model's fingerprint
	Maps    []Map     `json:"maps"`    // the score's, then one an attribute; none for scope per-prompt
	Fitted  int64     `json:"fitted"`  // scores that the maps were fitted to, of this table or an earlier one
	Rows    int64     `json:"rows"`    // of this table
	Columns []Outcome `json:"columns"` // the score, then the attributes

	// Drift is how far the overall scores lie from those of the table that the
	// maps were fitted to: the difference of each number.
	Drift struct {
		Raw    Spread `json:"raw"`
		Mapped Spread `json:"mapped"`
	} `json:"drift"`

	Prompts int64            `json:"prompts"`
	Tied    int64            `json:"tied"`       // prompts of which several responses share the highest or the lowest score
	Flat    int64            `json:"flat"`       // of these, prompts whose responses all have one score
	Lost    map[string]int64 `json:"non_finite"` // responses without a score, by what was there instead
}

// An Outcome is what became of one column.
type Outcome struct {
	Name        string `json:"name"`         // "score", or the attribute
	ClippedLow  int64  `json:"clipped_low"`  // values below the map's range
	ClippedHigh int64  `json:"clipped_high"` // and above
	Raw         Spread `json:"raw"`
	Mapped      Spread `json:"mapped"`
}

// A Spread says where values lie: their mean, extremes and quantiles.
type Spread struct {
	Mean   float64 `json:"mean"`
	Min    float64 `json:"min"`
	Low    float64 `json:"p05"`
	Median float64 `json:"p50"`
	High   float64 `json:"p95"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return Spread{stat.Mean(values, nil), sorted[0], quantile(sorted, 0.05), quantile(sorted, 0.5), quantile(sorted, 0.95), sorted[len(sorted)-1]}
}

func (s Spread) minus(t Spread) Spread {
	return Spread{s.Mean - t.Mean, s.Min - t.Min, s.Low - t.Low, s.Median - t.Median, s.High - t.High, s.Max - t.Max}
}

// newScaling has nothing mapped yet.
func newScaling(ranker string, labels []string) *Scaling {
	s := &Scaling{Ranker: ranker, Lost: map[string]int64{}}
	for _, name := range mapped(labels) {
		s.Columns = append(s.Columns, Outcome{Name: name})
	}
	return s
}

// apply maps rows in place and counts what falls outside the maps. A row that
// has no place on the scale gets none: its score and levels are NaN.
func (s *Scaling) apply(rows []table.Score, maps []Map, at []int, labels []string) {
	for i := range rows {
		r := &rows[i]
		r.Levels = make([]float64, len(at))
		if why := lack(*r, at, labels); why != "" {
			s.lose(r, why)
			continue
		}
		r.Score = s.Columns[0].place(maps[0], r.Raw)
		for k, column := range at {
			r.Levels[k] = s.Columns[k+1].place(maps[k+1], r.Attributes[column])
		}
	}
}

func (s *Scaling) lose(r *table.Score, why string) {
	s.Lost[why]++
	r.Score = math.NaN()
	for k := range r.Levels {
		r.Levels[k] = math.NaN()
	}
}

func (o *Outcome) place(m Map, raw float64) float64 {
	if raw < m.From {
		o.ClippedLow++
	}
	if raw > m.To {
		o.ClippedHigh++
	}
	return m.At(raw)
}

// summarise measures the mapped rows.
func (s *Scaling) summarise(rows []table.Score, at []int, labels []string) {
	s.Rows = int64(len(rows))
	raw, mapped := make([][]float64, len(s.Columns)), make([][]float64, len(s.Columns))
	for _, r := range rows {
		if lack(r, at, labels) != "" {
			continue
		}
		raw[0], mapped[0] = append(raw[0], r.Raw), append(mapped[0], r.Score)
		for k, column := range at {
			raw[k+1], mapped[k+1] = append(raw[k+1], r.Attributes[column]), append(mapped[k+1], r.Levels[k])
		}
	}
	for k := range s.Columns {
		s.Columns[k].Raw, s.Columns[k].Mapped = spreadOf(raw[k]), spreadOf(mapped[k])
	}
	for own := range prompts(rows) {
		s.Prompts++
		s.ties(own)
	}
}

// ties counts a prompt whose best or worst response is not alone.
func (s *Scaling) ties(rows []table.Score) {
	var raw []float64
	for _, r := range rows {
		if !math.IsNaN(r.Score) {
			raw = append(raw, r.Raw)
		}
	}
	slices.Sort(raw)
	n := len(raw)
	if n < 2 || raw[0] != raw[1] && raw[n-2] != raw[n-1] {
		return
	}
	s.Tied++
	if raw[0] == raw[n-1] {
		s.Flat++
	}
}

// against sets the drift from the table that the maps were fitted to.
func (s *Scaling) against(first Scaling) {
	s.Drift.Raw = s.Columns[0].Raw.minus(first.Columns[0].Raw)
	s.Drift.Mapped = s.Columns[0].Mapped.minus(first.Columns[0].Mapped)
}

// NonFinite is the number of responses without a score.
func (s Scaling) NonFinite() int64 {
	var n int64
	for _, count := range s.Lost {
		n += count
	}
	return n
}

// String is one line for a log; causes that did not occur are left out.
func (s Scaling) String() string {
	var b strings.Builder
	of := s.Columns[0]
	fmt.Fprintf(&b, "%d scores of %d prompts by %s", s.Rows, s.Prompts, s.Ranker)
	if len(s.Maps) > 0 {
		m := s.Maps[0]
		fmt.Fprintf(&b, ": %.4g to %.4g become %g to %g", m.From, m.To, m.Low, m.High)
	} else {
		b.WriteString(": each prompt has its own map")
	}
	share := func(n int64) float64 { return 100 * float64(n) / float64(max(s.Rows, 1)) }
	fmt.Fprintf(&b, ", clipped %.1f %% low and %.1f %% high; mean %.4g becomes %.2f", share(of.ClippedLow), share(of.ClippedHigh), of.Raw.Mean, of.Mapped.Mean)
	if d := s.Drift; d.Raw != (Spread{}) {
		fmt.Fprintf(&b, ", drift %+.4g and %+.2f", d.Raw.Mean, d.Mapped.Mean)
	}
	if s.Tied > 0 {
		fmt.Fprintf(&b, "; ties for best or worst in %d prompts, %d with one score throughout", s.Tied, s.Flat)
	}
	if n := s.NonFinite(); n > 0 {
		fmt.Fprintf(&b, "; %d not scored %v", n, s.Lost)
	}
	return b.String()
}

// scaling is where a table's metadata keeps its Scaling.
const scaling = "scaling"

// ReadScaling is the Scaling of a table of mapped scores.
func ReadScaling(meta map[string]string) (Scaling, error) {
	var s Scaling
	if err := json.Unmarshal([]byte(meta[scaling]), &s); err != nil {
		return s, fmt.Errorf("the scores table has no scaling in its metadata: %w", err)
	}
	if len(s.Columns) == 0 {
		return s, fmt.Errorf("the scores table's scaling names no columns: rank again")
	}
	return s, nil
}

// fits reports whether s has the maps for scores of a ranker and attributes.
func (s Scaling) fits(ranker string, attributes []string) error {
	have := make([]string, len(s.Maps))
	for i, m := range s.Maps {
		have[i] = m.Name
	}
	if want := mapped(attributes); !slices.Equal(have, want) {
		return fmt.Errorf("its maps are of %v, wanted are those of %v; fit new ones", have, want)
	}
	if s.Ranker != ranker {
		return fmt.Errorf("its maps were fitted to scores by %s, these are by %s; fit new ones", s.Ranker, ranker)
	}
	return nil
}
