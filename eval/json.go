package eval

import (
	"encoding/json"
	"fmt"
	"io"

	"radpo/internal/table"
)

// WriteJSON writes report.json: a list of {name, value, lo, hi, n}, a measure
// a line.
func WriteJSON(w io.Writer, ms []table.Measure) error {
	out := []byte("[")
	for i, m := range ms {
		line, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("write measure %s: %w", m.Name, err)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, "\n  "...), line...)
	}
	if _, err := w.Write(append(out, "\n]\n"...)); err != nil {
		return fmt.Errorf("write measures: %w", err)
	}
	return nil
}
