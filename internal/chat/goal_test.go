package chat_test

import (
	"testing"

	"radpo/internal/chat"
)

const (
	paperGoal = "You are an assistant that generates responses for the instruction while implicitly achieving the following target score (on a scale of 1-10, where 1 is lowest and 10 is highest):\n"
	codeGoal  = "You are an assistant that generates responses for the instruction while implicitly achieving the following target scores (on a scale of 1-10, where 1 is lowest and 10 is highest):\n"
)

func TestGoalText(t *testing.T) {
	names := []string{"instruction_following", "honesty"}
	tests := []struct {
		goal   chat.Goal
		values []float64
		want   string
	}{
		{chat.Goal{Wording: chat.Paper, Decimals: 1}, []float64{10}, paperGoal + "Overall score: 10."},
		{chat.Goal{Wording: chat.Paper, Decimals: 1}, []float64{7.5432}, paperGoal + "Overall score: 7.5."},
		{chat.Goal{Wording: chat.ReleasedCode, Decimals: -1}, []float64{7.5432}, codeGoal + "Overall score: 7.5432."},
		{chat.Goal{Wording: chat.ReleasedCode, Decimals: 1}, []float64{8}, codeGoal + "Overall score: 8."},
		{chat.Goal{Wording: chat.Paper, Decimals: 1, Names: names}, []float64{9.04, 3.25}, paperGoal + "Instruction following: 9.\nHonesty: 3.2."},
		{chat.Goal{Wording: "Aim for {score} of 10.", Decimals: 0}, []float64{6.7}, "Aim for 7 of 10."},
		{chat.Goal{Wording: "H={honesty} I={instruction_following}\n{lines}", Names: names}, []float64{1, 2}, "H=2 I=1\nInstruction following: 1.\nHonesty: 2."},
	}
	for _, test := range tests {
		if got := test.goal.Text(test.values); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.goal, got, test.want)
		}
	}
}

func TestGoalNumber(t *testing.T) {
	tests := []struct {
		decimals int
		value    float64
		want     string
	}{
		{1, 10, "10"}, {1, 9.96, "10"}, {1, 9.94, "9.9"}, {1, 7.5, "7.5"}, {1, 1, "1"}, {1, -0.01, "0"},
		{0, 6.5, "6"}, {0, 7.5, "8"}, {0, 100, "100"}, {2, 7.5, "7.5"}, {2, 7.255, "7.25"}, {2, 3.14159, "3.14"},
		{-1, 6.333333333333333, "6.333333333333333"}, {-1, 10, "10"}, {-1, 1e-7, "0.0000001"},
	}
	for _, test := range tests {
		if got := (chat.Goal{Decimals: test.decimals}).Number(test.value); got != test.want {
			t.Errorf("%v with %d decimals: got %q, want %q", test.value, test.decimals, got, test.want)
		}
	}
}

func TestWithGoal(t *testing.T) {
	tests := []struct {
		template       string
		messages, want []chat.Message
	}{
		{"llama3", talk("user", "U"), talk("system", "G", "user", "U")},
		{"llama3", talk("system", "S", "user", "U"), talk("system", "G\n\nS", "user", "U")},
		{"gemma", talk("user", "U"), talk("user", "G\n\nU")},
		{"mistral-old", talk("user", "U", "assistant", "A", "user", "V"), talk("user", "G\n\nU", "assistant", "A", "user", "V")},
		{"mistral-v0.3", talk("system", "S", "user", "U"), talk("system", "S", "user", "G\n\nU")},
	}
	for _, test := range tests {
		before := append([]chat.Message(nil), test.messages...)
		tmpl := load(t, test.template, tokens)
		if got := tmpl.WithGoal(test.messages, "G"); !equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.template, got, test.want)
		}
		if !equal(test.messages, before) {
			t.Errorf("%s: WithGoal changed its argument to %v", test.template, test.messages)
		}
		if got := tmpl.WithGoal(test.messages, ""); !equal(got, before) {
			t.Errorf("%s: got %v for no goal, want the messages", test.template, got)
		}
	}
}

func equal(a, b []chat.Message) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
