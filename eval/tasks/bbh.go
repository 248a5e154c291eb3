package tasks

import (
	"fmt"
	"slices"

	"radpo/internal/table"
)

// A subset of BBH (arXiv:2210.09261) has a sentence before the examples, and
// choices.
type bbhSubset struct {
	description string
	choices     []string
}

// bbh are the 24 subsets with choices, of 27.
var bbh = map[string]bbhSubset{
	"boolean_expressions":                     {"Evaluate the result of a random Boolean expression.", []string{"False", "True"}},
	"causal_judgement":                        {"Answer questions about causal attribution.", []string{"Yes", "No"}},
	"date_understanding":                      {"Infer the date from context.", options(6)},
	"disambiguation_qa":                       {"Clarify the meaning of sentences with ambiguous pronouns.", options(3)},
	"formal_fallacies":                        {"Distinguish deductively valid arguments from formal fallacies.", []string{"valid", "invalid"}},
	"geometric_shapes":                        {"Name geometric shapes from their SVG paths.", options(11)},
	"hyperbaton":                              {"Order adjectives correctly in English sentences.", options(2)},
	"logical_deduction_five_objects":          {"A logical deduction task which requires deducing the order of a sequence of objects.", options(5)},
	"logical_deduction_seven_objects":         {"A logical deduction task which requires deducing the order of a sequence of objects.", options(7)},
	"logical_deduction_three_objects":         {"A logical deduction task which requires deducing the order of a sequence of objects.", options(3)},
	"movie_recommendation":                    {"Recommend movies similar to the given list of movies.", options(6)},
	"navigate":                                {"Given a series of navigation instructions, determine whether one would end up back at the starting point.", []string{"Yes", "No"}},
	"object_counting":                         {"Questions that involve enumerating objects and asking the model to count them.", numbers(19)},
	"penguins_in_a_table":                     {"Answer questions about a table of penguins and their attributes.", options(5)},
	"reasoning_about_colored_objects":         {"Answer extremely simple questions about the colors of objects on a surface.", options(18)},
	"ruin_names":                              {"Select the humorous edit that 'ruins' the input movie or musical artist name.", options(6)},
	"salient_translation_error_detection":     {"Detect the type of error in an English translation of a German source sentence.", options(6)},
	"snarks":                                  {"Determine which of two sentences is sarcastic.\n\nAccording to Cambridge University Dictionary, sarcasm is \"the use of remarks that clearly mean the opposite of what they say, made in order to hurt someone's feelings or to criticize something in a humorous way.\" Sarcastic sentences often contain satirical or ironic utterances, hyperboles, ambivalent or witty remarks.", options(2)},
	"sports_understanding":                    {"Determine whether an artificially constructed sentence relating to sports is plausible or not.", []string{"yes", "no"}},
	"temporal_sequences":                      {"Task description: Answer questions about which times certain events could have occurred.", options(4)},
	"tracking_shuffled_objects_five_objects":  {"A task requiring determining the final positions of a set of objects given their initial positions and a description of a sequence of swaps.", options(5)},
	"tracking_shuffled_objects_seven_objects": {"A task requiring determining the final positions of a set of objects given their initial positions and a description of a sequence of swaps.", options(7)},
	"tracking_shuffled_objects_three_objects": {"A task requiring determining the final positions of a set of objects given their initial positions and a description of a sequence of swaps.", options(3)},
	"web_of_lies":                             {"Evaluate a random boolean function expressed as a word problem.", []string{"Yes", "No"}},
}

// options are (A), (B) and so on.
func options(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("(%c)", 'A'+i)
	}
	return out
}

// numbers are 0, 1 and so on.
func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func describeBBH(subset string) string { return bbh[subset].description }

// parseBBH leaves a target that is no choice without a right answer, as a few
// of the published rows are.
func parseBBH(r table.Record, subset string, _ int64) (Item, error) {
	input, err := r.Text("input")
	target, errTarget := r.Text("target")
	choices := bbh[subset].choices
	return Item{Question: "Q: " + input + "\nA:", Choices: choices, Gold: slices.Index(choices, target), Answer: target}, first(err, errTarget)
}
