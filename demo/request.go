package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"radpo/internal/table"
)

// Attributes names the five marks, in the order of every array of five here.
var Attributes = [5]string{"complexity", "instruction_following", "honesty", "helpfulness", "intellectual_depth"}

// A Kind is one of the five ways to ask. Kind k gives attribute k the largest
// weight in the overall mark, so that a reward model has something to learn
// from the prompt.
type Kind int

// The kinds, in the order of Attributes.
const (
	Describe Kind = iota // Describe the food of the fox in one sentence.
	Exactly              // Write exactly one sentence about the food of the fox.
	True                 // What is true about the food of the fox? Use one sentence.
	Tell                 // Tell me about the food of the fox in one sentence.
	Explain              // Explain the food of the fox in one sentence.
)

// templates has one row a kind: %[1]s is what is asked about, %[2]s the count.
var templates = map[Kind]string{
	Describe: "Describe %[1]s in %[2]s.",
	Exactly:  "Write exactly %[2]s about %[1]s.",
	True:     "What is true about %[1]s? Use %[2]s.",
	Tell:     "Tell me about %[1]s in %[2]s.",
	Explain:  "Explain %[1]s in %[2]s.",
}

var counts = map[int]string{1: "one sentence", 2: "two sentences", 3: "three sentences"}

// A Request is what one prompt asks for: one aspect in one sentence, or two
// aspects in two or three.
type Request struct {
	Kind      Kind
	Entity    string
	Aspects   []string
	Sentences int
}

// String is the text of the user's turn.
func (r Request) String() string {
	d, _ := findEntity(r.Entity)
	topic := "the " + strings.Join(r.Aspects, " and the ") + " of " + d.article + r.Entity
	return fmt.Sprintf(templates[r.Kind], topic, counts[r.Sentences])
}

// Requests returns all 2160 requests in a fixed order: the same slice each
// time, not to be changed.
func Requests() []Request { return requests() }

var requests = sync.OnceValue(func() []Request {
	var all []Request
	for i := range world {
		d := &world[i]
		for _, e := range d.entities {
			for kind := Describe; kind <= Explain; kind++ {
				all = append(all, d.requests(kind, e.name)...)
			}
		}
	}
	return all
})

// requests returns the sixteen things that one kind of prompt asks about one
// entity: four single aspects, and six pairs at two lengths.
func (d *domain) requests(kind Kind, entity string) []Request {
	var all []Request
	for i, a := range d.aspects {
		all = append(all, Request{kind, entity, []string{a.name}, 1})
		for _, b := range d.aspects[i+1:] {
			both := []string{a.name, b.name}
			all = append(all, Request{kind, entity, both, 2}, Request{kind, entity, both, 3})
		}
	}
	return all
}

var requestOf = sync.OnceValue(func() map[string]Request {
	all := make(map[string]Request)
	for _, r := range requests() {
		all[r.String()] = r
	}
	return all
})

// ParseRequest reads the user's turn of a demo prompt. Any other text is an
// error: nothing is known about what it asks.
func ParseRequest(prompt string) (Request, error) {
	r, ok := requestOf()[prompt]
	if !ok {
		return Request{}, fmt.Errorf("demo: %.80q is not a prompt of the built-in world; the rule marks no others", prompt)
	}
	return r, nil
}

// Prompts returns all prompts as rows of the prompts table, in the order of
// [Requests], with no split yet.
func Prompts() ([]table.Prompt, error) {
	rows := make([]table.Prompt, len(requests()))
	for i, r := range requests() {
		messages := []table.Message{{Role: "user", Content: r.String()}}
		b, err := json.Marshal(messages)
		if err != nil {
			return nil, fmt.Errorf("demo: prompts: %w", err)
		}
		sum := sha256.Sum256(b)
		rows[i] = table.Prompt{ID: hex.EncodeToString(sum[:]), Messages: messages, Source: fmt.Sprintf("demo:%d", i)}
	}
	return rows, nil
}
