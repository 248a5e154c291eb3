package pipeline

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"radpo/internal/chat"
)

// errGoal says how a goal is given.
var errGoal = errors.New("want a number, one an attribute as 8,9, or name=number for all attributes")

// goalOf reads a goal: one number, the same for every attribute; one an
// attribute with commas between; or name=number pairs, likewise. Nothing is no
// goal.
func goalOf(text string, w chat.Goal) ([]float64, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []float64
	named := map[string]float64{}
	for _, part := range strings.Split(text, ",") {
		name, number, ok := strings.Cut(part, "=")
		if !ok {
			name, number = "", part
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, inputError("goal %s: %w", text, errGoal)
		}
		if ok {
			named[strings.TrimSpace(name)] = v
		} else {
			list = append(list, v)
		}
	}
	want := max(1, len(w.Names))
	switch {
	case len(named) > 0 && len(list) > 0:
		return nil, inputError("goal %s: %w", text, errGoal)
	case len(named) > 0:
		goal, err := w.Named(named)
		if err != nil {
			return nil, inputError("goal %s: %w", text, err)
		}
		return goal, nil
	case len(list) == 1:
		return w.All(list[0]), nil
	case len(list) != want:
		return nil, inputError("goal %s: got %d numbers, want %d", text, len(list), want)
	}
	return list, nil
}
