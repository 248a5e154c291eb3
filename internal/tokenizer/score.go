package tokenizer

import (
	"errors"
	"math"
	"strconv"
)

// float reads the next number as the reference's JSON reader does: digits
// into a uint64 as long as they fit, then one multiplication or division by a
// power of ten. That is at times one unit off the nearest float64, which
// decides between segmentations of equal score ("-" "--" and "--" "-").
func (c *cursor) float() (float64, error) {
	s, err := c.number()
	if err != nil {
		return 0, err
	}
	digits, exponent, rest := significand(s)
	if rest != "" {
		e, err := strconv.ParseInt(rest[1:], 10, 16)
		if err != nil {
			return 0, err
		}
		exponent += int(e)
	}
	f := scale(float64(digits), exponent)
	if math.IsInf(f, 0) {
		return 0, errors.New("score out of range")
	}
	if s[0] == '-' {
		f = -f
	}
	return f, nil
}

// significand reads the digits of s up to an exponent, the rest. Digits
// beyond what fits are dropped.
func significand(s string) (digits uint64, exponent int, rest string) {
	fraction, full := false, false
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '.':
			fraction = true
		case ch == 'e' || ch == 'E':
			return digits, exponent, s[i:]
		case ch < '0': // a sign
		default:
			d := uint64(ch - '0')
			full = full || digits > (math.MaxUint64-d)/10
			switch {
			case !full:
				digits = 10*digits + d
				if fraction {
					exponent--
				}
			case !fraction:
				exponent++
			}
		}
	}
	return digits, exponent, ""
}

// scale is f·10^exponent by correctly rounded powers of ten.
func scale(f float64, exponent int) float64 {
	const most = 308
	for exponent < -most && f != 0 {
		f /= pow10(most)
		exponent += most
	}
	switch {
	case f == 0:
		return 0
	case exponent > most:
		return math.Inf(1)
	case exponent >= 0:
		return f * pow10(exponent)
	}
	return f / pow10(-exponent)
}

func pow10(n int) float64 {
	if n <= 22 {
		return math.Pow10(n) // exact
	}
	f, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64)
	return f
}
