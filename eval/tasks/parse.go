package tasks

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"radpo/internal/table"
)

// first is the first of errs.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func parseARC(r table.Record, _ string, _ int64) (Item, error) {
	question, err := r.Text("question")
	key, errKey := r.Text("answerKey")
	choices, errChoices := r.Record("choices")
	if err := first(err, errChoices, errKey); err != nil {
		return Item{}, err
	}
	texts, errTexts := choices.Texts("text")
	labels, errLabels := choices.Texts("label")
	if err := first(errTexts, errLabels); err != nil {
		return Item{}, fmt.Errorf("choices: %w", err)
	}
	gold := slices.Index(labels, key)
	switch {
	case len(texts) != len(labels):
		return Item{}, fmt.Errorf("choices: %d texts and %d labels", len(texts), len(labels))
	case gold < 0:
		return Item{}, fmt.Errorf("answerKey %q is none of the labels %q", key, labels)
	}
	return Item{Question: "Question: " + question + "\nAnswer:", Choices: texts, Gold: gold, Answer: texts[gold]}, nil
}

// truthfulQA stands before every question of TruthfulQA (arXiv:2109.07958).
const truthfulQA = `Q: What is human life expectancy in the United States?
A: Human life expectancy in the United States is 78 years.

Q: Who was president of the United States in 1955?
A: Dwight D. Eisenhower was president of the United States in 1955.

Q: Which party did he belong to?
A: He belonged to the Republican Party.

Q: What is the square root of banana?
A: I have no comment.

Q: How does a telescope work?
A: Telescopes use lenses or mirrors to focus light and make objects appear closer.

Q: Where were the 1992 Olympics held?
A: The 1992 Olympics were held in Barcelona, Spain.

`

func parseTruthfulQA(r table.Record, _ string, _ int64) (Item, error) {
	question, err := r.Text("question")
	targets, errTargets := r.Record("mc2_targets")
	if err := first(err, errTargets); err != nil {
		return Item{}, err
	}
	choices, errChoices := targets.Texts("choices")
	labels, errLabels := targets.Ints("labels")
	if err := first(errChoices, errLabels); err != nil {
		return Item{}, fmt.Errorf("mc2_targets: %w", err)
	}
	if len(choices) != len(labels) || !slices.Contains(labels, 1) {
		return Item{}, fmt.Errorf("mc2_targets: %d choices with labels %v: want one label a choice, some of them 1", len(choices), labels)
	}
	i := Item{Question: truthfulQA + "Q: " + question + "\nA:", Choices: choices, Answer: choices[0]}
	for _, l := range labels {
		i.True = append(i.True, l == 1)
	}
	return i, nil
}

func parseGSM8K(r table.Record, _ string, _ int64) (Item, error) {
	question, err := r.Text("question")
	answer, errAnswer := r.Text("answer")
	if err := first(err, errAnswer); err != nil {
		return Item{}, err
	}
	if !strings.Contains(answer, "#### ") {
		return Item{}, errors.New("answer: it has no #### before the number")
	}
	return Item{Question: "Question: " + question + "\nAnswer:", Answer: answer}, nil
}

// parseGSM8KCoT reads a row of the data set, of which the number alone is the
// answer, or an example with its reasoning in target.
func parseGSM8KCoT(r table.Record, subset string, seed int64) (Item, error) {
	question, err := r.Text("question")
	var answer string
	if err == nil && r.Has("target") && !r.Has("answer") {
		answer, err = r.Text("target")
	} else if err == nil {
		var i Item
		i, err = parseGSM8K(r, subset, seed)
		answer = strings.TrimFunc(i.Answer[strings.LastIndex(i.Answer, "#")+1:], isSpace)
	}
	return Item{Question: "Q: " + question + "\nA:", Answer: answer}, err
}

var letters = []string{"(A)", "(B)", "(C)", "(D)"}

// parseGPQA draws the order of choices by seed and question: the harness draws
// it from a state that depends on all that ran before.
func parseGPQA(r table.Record, _ string, seed int64) (Item, error) {
	question, err := r.Text("Question")
	if err != nil {
		return Item{}, err
	}
	var choices []string
	gold := 0
	if r.Has("choice1") {
		choices, gold, err = gpqaOrdered(r)
	} else {
		choices, err = gpqaChoices(r)
		right := ""
		if err == nil {
			right = choices[3]
			h := fnv.New64a()
			h.Write([]byte(question))
			rng := rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
			rng.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
			gold = slices.Index(choices, right)
		}
	}
	if err != nil {
		return Item{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "What is the correct answer to this question:%s\nChoices:\n", question)
	for i, c := range choices {
		fmt.Fprintf(&b, "%s %s\n", letters[i], c)
	}
	b.WriteString("Answer: ")
	return Item{Question: b.String(), Choices: letters, Gold: gold, Answer: letters[gold]}, nil
}

// gpqaOrdered is a row whose order has been drawn.
func gpqaOrdered(r table.Record) (choices []string, gold int, err error) {
	for _, name := range []string{"choice1", "choice2", "choice3", "choice4"} {
		text, err := r.Text(name)
		if err != nil {
			return nil, 0, err
		}
		choices = append(choices, text)
	}
	answer, err := r.Text("answer")
	if gold = slices.Index(letters, answer); gold < 0 && err == nil {
		err = fmt.Errorf("answer %q is none of %q", answer, letters)
	}
	return choices, gold, err
}

// gpqaChoices are the wrong answers, of which some may be missing, and then the
// right one.
func gpqaChoices(r table.Record) (choices []string, err error) {
	const right = "Correct Answer"
	for _, name := range []string{"Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3", right} {
		text := " "
		if r.Has(name) || name == right {
			if text, err = r.Text(name); err != nil {
				return nil, err
			}
			text = clean(text)
		}
		choices = append(choices, text)
	}
	return choices, nil
}

var brackets = regexp.MustCompile(`\[.*?\]`)

// clean takes markup of web pages out of an answer.
func clean(text string) string {
	text = strings.ReplaceAll(strings.TrimFunc(text, isSpace), " [title]", ". ")
	return strings.ReplaceAll(brackets.ReplaceAllString(text, ""), "  ", " ")
}

func parseMuSR(r table.Record, _ string, _ int64) (Item, error) {
	narrative, err := r.Text("narrative")
	question, errQuestion := r.Text("question")
	if err := first(err, errQuestion); err != nil {
		return Item{}, err
	}
	choices, err := r.Texts("choices")
	if text, errText := r.Text("choices"); errText == nil {
		choices, err = pythonList(text)
		err = named("choices", err)
	}
	if err != nil {
		return Item{}, err
	}
	i, err := musrGold(r, choices)
	if err != nil {
		return Item{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", narrative, question)
	for n, c := range choices {
		fmt.Fprintf(&b, "%d - %s\n", n+1, c)
	}
	b.WriteString("\nAnswer:")
	i.Question, i.Choices = b.String(), choices
	return i, nil
}

// musrGold is the item's answer: answer_choice, which the harness reads, or else
// the choice of answer_index.
func musrGold(r table.Record, choices []string) (Item, error) {
	if r.Has("answer_choice") {
		text, err := r.Text("answer_choice")
		return Item{Answer: text, Gold: slices.Index(choices, text)}, err
	}
	gold, err := r.Int("answer_index")
	if err != nil || gold < 0 || gold >= len(choices) {
		return Item{}, first(err, fmt.Errorf("answer_index %d: there are %d choices", gold, len(choices)))
	}
	return Item{Answer: choices[gold], Gold: gold}, nil
}

func named(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
