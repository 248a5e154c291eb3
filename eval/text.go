package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"radpo/internal/table"
)

// visible returns s with every rune that could hide or reorder text written
// out: controls as their pictures (U+2400 on), bidirectional and other format
// characters by number. Tabs, newlines and the joiners that scripts and emoji
// need stay; bytes that are not UTF-8 become U+FFFD.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\u200c' || r == '\u200d':
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r&0xfffe == 0xfffe:
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cut shortens s to n runes and says how many are missing.
func cut(s string, n int) string {
	missing := utf8.RuneCountInString(s) - n
	if missing <= 0 {
		return s
	}
	return fmt.Sprintf("%s… (%d more characters)", string([]rune(s)[:n]), missing)
}

// number writes v with a real minus sign and the given decimals.
func number(v float64, decimals int) string {
	if math.Abs(v) >= 1e6 {
		return strings.Replace(strconv.FormatFloat(v, 'g', 4, 64), "-", "−", 1)
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

func two(v float64) string { return number(v, 2) }

// signed is two with a plus sign where it shows more than zero.
func signed(v float64) string {
	s := two(v)
	if v > 0 && s != two(0) {
		return "+" + s
	}
	return s
}

func percent(v float64) string { return number(100*v, 0) + " %" }

// span writes a measure's interval.
func span(m table.Measure) string { return "[" + two(m.Lo) + ", " + two(m.Hi) + "]" }

// goalWords names a goal in a sentence: "at goal 10", "without a goal".
func goalWords(goal []float64) string {
	if len(goal) == 0 {
		return "without a goal"
	}
	return "at goal " + goalNumbers(goal)
}

// goalLabel names a goal in a table: "goal 10", "no goal".
func goalLabel(goal []float64) string {
	if len(goal) == 0 {
		return "no goal"
	}
	return "goal " + goalNumbers(goal)
}

func goalNumbers(goal []float64) string {
	return strings.ReplaceAll(strings.TrimPrefix(goalName(goal), "goal-"), "-", "/")
}

// spaced writes a name for reading.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }
