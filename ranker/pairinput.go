package ranker

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// What begins the parts of an input.
const (
	sourcePrefix = "<|source|>"
	firstPrefix  = "<|candidate1|>"
	secondPrefix = "<|candidate2|>"
)

// What DeBERTa's tokenizer and PairRM's take for special tokens.
var (
	debertaSpecials = []string{"[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"}
	specials        = append([]string{sourcePrefix, firstPrefix, secondPrefix, "<|candidate|>"}, debertaSpecials...)

	withoutDeBERTas = blank(debertaSpecials)
	withoutSpecials = blank(specials)
)

// blank puts a space in place of each of texts.
func blank(texts []string) *strings.Replacer {
	var pairs []string
	for _, text := range texts {
		pairs = append(pairs, text, " ")
	}
	return strings.NewReplacer(pairs...)
}

// A pairReader turns a prompt and two responses into PairRM's input: three
// parts, each [CLS] prefix text [SEP].
type pairReader struct {
	tokens                  *tokenizer.Tokenizer
	begin, end, second      int32   // [CLS], [SEP] and the prefix of second candidates
	blocked                 []int32 // that no text may hold
	sourceMax, candidateMax int     // tokens of a part, special ones counted
}

// newPairReader reads the tokenizer of a folder whose model has so many
// tokens, and holds it to what the config says of its prefixes.
func newPairReader(f *hf.Folder, vocabulary int) (*pairReader, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	t, err := debertaTokenizer(f, vocabulary)
	if err != nil {
		return nil, err
	}
	p := &pairReader{tokens: t, sourceMax: c.PairRM.SourceMax, candidateMax: c.PairRM.CandidateMax}
	for _, text := range specials {
		id, ok := t.ID(text)
		if ids := t.AppendIDs(nil, text, true); !ok || !slices.Equal(ids, []int32{id}) {
			return nil, fmt.Errorf("%s: tokenizer.json has no added token %s: it is not PairRM's", f.Name(), text)
		}
		if text != "[UNK]" { // which any strange character is
			p.blocked = append(p.blocked, id)
		}
	}
	p.begin, _ = t.ID("[CLS]")
	p.end, _ = t.ID("[SEP]")
	p.second, _ = t.ID(secondPrefix)
	for prefix, want := range map[string]int{sourcePrefix: c.PairRM.SourceID, firstPrefix: c.PairRM.Candidate1ID, secondPrefix: c.PairRM.Candidate2ID} {
		if id, _ := t.ID(prefix); want >= 0 && int(id) != want {
			return nil, fmt.Errorf("%s: %s is token %d in tokenizer.json and %d in config.json", f.Name(), prefix, id, want)
		}
	}
	return p, nil
}

// debertaTokenizer is that of a folder whose model has so many tokens.
func debertaTokenizer(f *hf.Folder, vocabulary int) (*tokenizer.Tokenizer, error) {
	t, err := tokenizer.Load(f.FS())
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; spm.model alone is not read either: convert it with transformers 4, as 5 gives other ids, or take the file of another copy of the model", err)
	}
	if err == nil {
		err = t.Fits(vocabulary)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return t, nil
}

// A part is a text as PairRM reads it.
type part struct {
	ids     []int32
	cut     bool // it lost its end
	cleaned bool // it held the text of a special token
}

// part encodes a text, as the kind of part that its prefix names, in at most
// limit tokens. Special tokens
// that the text spells become spaces, as in LLM-Blender; those that appear
// only once the text is normalized are taken out.
func (p *pairReader) part(prefix, text string, limit int) part {
	clean := withoutSpecials.Replace(text)
	all := p.tokens.AppendIDs([]int32{p.begin}, prefix+clean, true)
	ids := slices.DeleteFunc(all[2:], func(id int32) bool { return slices.Contains(p.blocked, id) })
	s := part{cleaned: clean != text || len(ids) != len(all)-2}
	room := max(limit-3, 0)
	s.cut = len(ids) > room
	s.ids = append(all[:2+min(len(ids), room)], p.end)
	return s
}

// candidateLimit is how many tokens each response may have: what the source
// leaves of its own share is theirs.
func (p *pairReader) candidateLimit(source part) int {
	return (p.sourceMax + 2*p.candidateMax - len(source.ids)) / 2
}

// join is the input in which two candidates meet, encoded as first ones, and
// where its parts begin.
func (p *pairReader) join(source, first, second []int32) (ids []int32, at []int) {
	ids = slices.Concat(source, first, second)
	at = []int{1, len(source) + 1, len(source) + len(first) + 1}
	ids[at[2]] = p.second
	return ids, at
}

// instruction is LLM-Blender's, its slip of the pen included: PairRM was
// trained with it.
const instruction = "Finish the following coversation in each i-th turn by filling in <Response i> with your response."

// pairTexts are the source and the candidates of a request. The raw form is
// the last user turn alone, chat the prompt as the policy sees it, and
// conversation LLM-Blender's way to write several turns, without a system turn.
func pairTexts(form string, q Request) (source string, candidates []string, err error) {
	switch form {
	case "chat":
		return q.Rendered, q.Responses, nil
	case "conversation":
		return pairConversation(q)
	}
	if n := len(q.Messages); n > 0 && q.Messages[n-1].Role == "user" {
		return q.Messages[n-1].Content, q.Responses, nil
	}
	return "", nil, errors.New("the prompt does not end with the user's turn")
}

func pairConversation(q Request) (source string, candidates []string, err error) {
	turns := slices.DeleteFunc(slices.Clone(q.Messages), func(m table.Message) bool { return m.Role == "system" })
	var asked, answered []string
	for i, m := range turns {
		turn := i/2 + 1
		switch want := []string{"user", "assistant"}[i%2]; {
		case m.Role != want:
			return "", nil, fmt.Errorf("turn %d is the %s's, want the %s's: ranker.prompt_form conversation takes turns in alternation", i+1, m.Role, want)
		case want == "user":
			asked = append(asked, fmt.Sprintf("USER: %s\nAssistant: <Response %d>", m.Content, turn))
		default:
			answered = append(answered, fmt.Sprintf("<Response %d>: %s", turn, m.Content))
		}
	}
	if len(asked) == len(answered) {
		return "", nil, errors.New("the prompt does not end with the user's turn")
	}
	for _, text := range q.Responses {
		lines := append(slices.Clone(answered), fmt.Sprintf("<Response %d>: %s", len(asked), text))
		candidates = append(candidates, strings.Join(lines, "\n"))
	}
	return instruction + strings.Join(asked, "\n"), candidates, nil
}
