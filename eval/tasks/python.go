package tasks

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gonum.org/v1/gonum/mathext/prng"
)

// isSpace is Python's str.isspace of one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// A random is Python's random.Random of a small seed.
type random struct{ source *prng.MT19937 }

func newRandom(seed uint32) random {
	mt := prng.NewMT19937()
	mt.SeedFromKeys([]uint32{seed})
	return random{mt}
}

// below is a number from 0 to n−1: as many bits as n has, until they are less.
func (r random) below(n int) int {
	for {
		if x := int(r.source.Uint32() >> (32 - bits.Len(uint(n)))); x < n {
			return x
		}
	}
}

// sample is random.sample(range(n), k): out of a pool where that is small, else
// by drawing until a number is new.
func (r random) sample(n, k int) []int {
	out := make([]int, k)
	small := 21
	if k > 5 {
		small += int(math.Pow(4, math.Ceil(math.Log(float64(3*k))/math.Log(4))))
	}
	if n <= small {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range out {
			j := r.below(n - i)
			out[i], pool[j] = pool[j], pool[n-i-1]
		}
		return out
	}
	taken := map[int]bool{}
	for i := range out {
		j := r.below(n)
		for taken[j] {
			j = r.below(n)
		}
		out[i], taken[j] = j, true
	}
	return out
}

var errNoList = errors.New(`want a list of texts as Python writes it: ['a', "b"]`)

// pythonList reads a list of strings as Python writes it.
func pythonList(text string) ([]string, error) {
	rest, ok := strings.CutPrefix(strings.TrimFunc(text, isSpace), "[")
	if !ok {
		return nil, errNoList
	}
	var out []string
	for {
		rest = strings.TrimLeftFunc(rest, isSpace)
		if rest == "]" && len(out) > 0 {
			return out, nil
		}
		item, behind, err := pythonText(rest)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
		rest = strings.TrimLeftFunc(behind, isSpace)
		if more, ok := strings.CutPrefix(rest, ","); ok {
			rest = more
		} else if rest != "]" {
			return nil, errNoList
		}
	}
}

// escapes are those of one character.
var escapes = map[byte]string{'\\': `\`, '\'': `'`, '"': `"`, 'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\n': ""}

// digits are how many hexadecimal ones an escape has.
var digits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// pythonText reads one quoted text and returns what stands behind it.
func pythonText(s string) (text, rest string, err error) {
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return "", "", errNoList
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), s[i+1:], nil
		case s[i] == '\n':
			return "", "", errNoList
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
			continue
		}
		i++
		if plain, ok := escapes[s[i]]; ok {
			b.WriteString(plain)
		} else if n := digits[s[i]]; n > 0 {
			code, err := strconv.ParseUint(s[i+1:min(i+1+n, len(s))], 16, 32)
			if err != nil || i+n >= len(s) || code > utf8.MaxRune {
				return "", "", fmt.Errorf("%w: \\%c wants %d digits of a character", errNoList, s[i], n)
			}
			b.WriteRune(rune(code))
			i += n
		} else {
			b.WriteString(s[i-1 : i+1])
		}
	}
	return "", "", errNoList
}
