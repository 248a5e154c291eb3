package tokenizer

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// A twin is a pattern tried alternative by alternative, slowly, on characters
// that are the same in Go's Unicode. `\s+(?!\S)` is the one with lookahead.
type twin []*regexp.Regexp

const lookahead = `\s+(?!\S)`

func newTwin(alternatives ...string) (t twin) {
	for _, a := range alternatives {
		if a == lookahead {
			t = append(t, nil)
			continue
		}
		// RE2's \s is ASCII, and without the vertical tab.
		a = strings.ReplaceAll(a, `[^\s`, `[^\s\v\x{85}\p{Z}`)
		a = strings.ReplaceAll(a, `\s*`, `[\s\v\x{85}\p{Z}]*`)
		a = strings.ReplaceAll(a, `\s+`, `[\s\v\x{85}\p{Z}]+`)
		t = append(t, regexp.MustCompile(`^(?:`+a+`)`))
	}
	return t
}

var spaceRun = regexp.MustCompile(`^[\s\v\x{85}\p{Z}]+`)

func (t twin) split(s string) int {
	for _, re := range t {
		n := 0
		if re != nil {
			n = len(re.FindString(s))
		} else if n = len(spaceRun.FindString(s)); n < len(s) {
			for n--; n > 0 && s[n]&0xC0 == 0x80; n-- { // give back one space
			}
		}
		if n > 0 {
			return n
		}
	}
	return 0
}

var twins = map[string]twin{
	gpt2Pattern: newTwin(`'s|'t|'re|'ve|'m|'ll|'d`, ` ?\p{L}+`, ` ?\p{N}+`, ` ?[^\s\p{L}\p{N}]+`, lookahead, `\s+`),
	llama3Pattern: newTwin(`(?i:'s|'t|'re|'ve|'m|'ll|'d)`, `[^\r\n\p{L}\p{N}]?\p{L}+`, `\p{N}{1,3}`, ` ?[^\s\p{L}\p{N}]+[\r\n]*`,
		`\s*[\r\n]+`, lookahead, `\s+`),
	qwen2Pattern: newTwin(`(?i:'s|'t|'re|'ve|'m|'ll|'d)`, `[^\r\n\p{L}\p{N}]?\p{L}+`, `\p{N}`, ` ?[^\s\p{L}\p{N}]+[\r\n]*`,
		`\s*[\r\n]+`, lookahead, `\s+`),
}

// TestSplitTwins holds the scanners to their patterns.
func TestSplitTwins(t *testing.T) {
	alphabet := []string{
		" ", " ", " ", "\n", "\n", "\r", "\t", "\v", "\u0085", "\u00A0", "\u3000", "a", "Z", "é", "漢", "ſ",
		"0", "9", "٣", "Ⅷ", "½", "'", "'", "’", "s", "T", "re", "Ve", "M", "ll", "lL", "d", "!", "-", "\u0301", "😀", "\x00", "_",
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for pattern, slow := range twins {
		fast := patterns[pattern]()
		for range 20_000 {
			var text strings.Builder
			for range 1 + rng.IntN(10) {
				text.WriteString(alphabet[rng.IntN(len(alphabet))])
			}
			for rest := text.String(); rest != ""; {
				got, want := fast(rest), slow.split(rest)
				if got != want {
					t.Fatalf("%.40s… on %q: the first word is %q, want %q", pattern, rest, rest[:got], rest[:want])
				}
				rest = rest[got:]
			}
		}
	}
}
