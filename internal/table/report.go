package table

// A Measure is one number of the report. Lo and Hi bound its 95 % interval;
// both equal Value where no interval applies.
type Measure struct {
	Name  string  `col:"name" json:"name"` // e.g. reward/iter-1/goal-10
	Value float64 `col:"value" json:"value"`
	Lo    float64 `col:"lo" json:"lo"`
	Hi    float64 `col:"hi" json:"hi"`
	N     int64   `col:"n" json:"n"` // observations behind it
}
