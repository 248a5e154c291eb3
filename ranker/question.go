package ranker

import (
	"fmt"
	"strings"
)

// A question is what a judge is asked; {question}, {answer}, {answer_a} and
// {answer_b} stand for the prompt and the responses.
type question struct{ system, user string }

const impartial = "You are an impartial and careful judge of answers that an assistant gives to its user."

// questions that are built in, by ranker.judge.method.
var questions = map[string]question{
	"score": {impartial, `Rate how well the answer serves the user, from 1 (wrong or useless) to 10 (nothing could be better). Look at whether it is correct, does what was asked, and is clear; length is no merit in itself.

[The user]
{question}

[The answer]
{answer}

[End of the answer]
Say in one or two sentences what decides your rating. Then end with the rating in double square brackets, such as [[4]].`},

	"weighted": {impartial, `Rate how well the answer serves the user, from 1 (wrong or useless) to 9 (nothing could be better). Look at whether it is correct, does what was asked, and is clear; length is no merit in itself.

[The user]
{question}

[The answer]
{answer}

[End of the answer]
Reply with the rating alone: one digit from 1 to 9.`},

	"pairwise": {impartial, `Two answers to the same user follow. Decide which serves the user better. Look at whether they are correct, do what was asked, and are clear; length is no merit in itself, and neither is the order in which they stand here.

[The user]
{question}

[Answer A]
{answer_a}

[Answer B]
{answer_b}

[End of the answers]
Say in one or two sentences what decides it. Then end with your verdict in double square brackets: [[A]] if answer A is better, [[B]] if answer B is better, [[C]] if neither is.`},
}

// placeholders that a question of each method must have.
var placeholders = map[string][]string{
	"score": {"{question}", "{answer}"}, "weighted": {"{question}", "{answer}"}, "pairwise": {"{question}", "{answer_a}", "{answer_b}"},
}

// CheckQuestion reports what a question of one's own lacks.
func CheckQuestion(method, text string) error {
	for _, name := range placeholders[method] {
		if !strings.Contains(text, name) {
			return fmt.Errorf("the judge's question has no %s in it, which stands for what method %s asks about", name, method)
		}
	}
	return nil
}

// fill puts texts in place of names, as in name, text, name, text. What looks
// like a name within a text is left alone.
func (q question) fill(namesAndTexts ...string) []turn {
	user := turn{"user", strings.NewReplacer(namesAndTexts...).Replace(q.user)}
	if q.system == "" {
		return []turn{user}
	}
	return []turn{{"system", q.system}, user}
}
