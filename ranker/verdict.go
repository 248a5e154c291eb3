package ranker

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A verdict reads what a judge's reply says as a number; not ok: nothing.
type verdict func(choice) (value float64, ok bool)

var (
	rating     = regexp.MustCompile(`\[\[\s*(\d+(?:\.\d+)?)\s*\]\]`)
	preference = regexp.MustCompile(`\[\[\s*([ABC])\s*\]\]`)
)

// stated is the last rating in double brackets, from 1 to 10.
func stated(c choice) (float64, bool) {
	all := rating.FindAllStringSubmatch(c.Message.Content, -1)
	if len(all) == 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(all[len(all)-1][1], 64)
	return v, err == nil && v >= 1 && v <= 10
}

// leastMass is the probability that ratings must have together: below it the
// judge was about to say something else.
const leastMass = 0.5

// expected is the mean rating by the probabilities of the first token: of one
// digit, because many tokenizers write 10 as two tokens, the first of them 1.
func expected(c choice) (float64, bool) {
	var mass, sum float64
	for _, top := range c.Logprobs.first() {
		digit := strings.TrimSpace(top.Token)
		if len(digit) != 1 || digit < "1" || digit > "9" {
			continue
		}
		p := math.Exp(top.Logprob)
		mass += p
		sum += p * float64(digit[0]-'0')
	}
	return sum / mass, mass >= leastMass && mass <= 1.01
}

// preferred is the last preference in double brackets: 1 for A, 0 for B, a half
// for neither.
func preferred(c choice) (float64, bool) {
	all := preference.FindAllStringSubmatch(c.Message.Content, -1)
	if len(all) == 0 {
		return 0, false
	}
	return map[string]float64{"A": 1, "B": 0, "C": 0.5}[all[len(all)-1][1]], true
}
