package pipeline

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/openai"
)

// A listener answers every prompt with its says, and keeps what it was asked.
type listener struct {
	says  string
	asked []openai.Generation
	wait  chan struct{} // not nil: closed when it has begun to answer, which it then does not end
}

func (l *listener) Load() openai.Load { return openai.Load{} }

func (l *listener) Generate(ctx context.Context, gs []openai.Generation, sink func(int, openai.Event)) error {
	l.asked = append(l.asked, gs...)
	if l.wait != nil {
		sink(0, openai.Event{Text: l.says})
		close(l.wait)
		<-ctx.Done()
		return ctx.Err()
	}
	sink(0, openai.Event{Text: l.says, Finish: openai.Stopped})
	return nil
}

// talking has lines said to a listener. It returns what the talk was, and what
// it wrote to out and as notes.
func talking(t *testing.T, l *listener, change func(*talk), lines ...string) (*talk, string, string) {
	t.Helper()
	f, err := hf.Open(testFolders + "policy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Offer{Name: "policy"}.policy(f)
	if err != nil {
		t.Fatal(err)
	}
	var out, notes bytes.Buffer
	in := strings.NewReader(strings.Join(lines, "\n") + "\n")
	c := Chatting{Sampling: Sampling{N: 1, Temperature: 0.5, TopP: 1, MaxTokens: 20}, In: in, Out: &out, Notes: &notes}
	talk := &talk{Chatting: c, policy: p, engine: l}
	if change != nil {
		change(talk)
	}
	if err := talk.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return talk, out.String(), notes.String()
}

// asks are the ids of a conversation at a goal.
func (t *talk) asks(test *testing.T, goal []float64, turns ...string) []int32 {
	test.Helper()
	var messages []chat.Message
	for i, text := range turns {
		messages = append(messages, chat.Message{Role: []string{"user", "assistant"}[i%2], Content: text})
	}
	p := chat.Prompter{Template: t.policy.Template, Tokens: t.policy.Tokens, Goal: t.policy.Wording}
	_, ids, err := p.Prompt(messages, goal)
	if err != nil {
		test.Fatal(err)
	}
	return ids
}

// TestTalk: each line does what it says.
func TestTalk(t *testing.T) {
	l := &listener{says: "a fox"}
	talk, out, notes := talking(t, l, nil, "hello", "", "/goal 7", "and you?", "/regen", "/seed 5", "/temperature 0", "/reset", " /etc", "/goal off", "/system be brief", "x", "/quit", "not said")
	want := [][]int32{
		talk.asks(t, nil, "hello"), talk.asks(t, []float64{7}, "hello", "a fox", "and you?"), talk.asks(t, []float64{7}, "hello", "a fox", "and you?"),
		talk.asks(t, []float64{7}, "/etc"), nil,
	}
	if len(l.asked) != len(want) {
		t.Fatalf("asked %d times, want %d", len(l.asked), len(want))
	}
	for i, ids := range want {
		if ids != nil && !slices.Equal(l.asked[i].Prompt, ids) {
			t.Errorf("question %d: %v, want %v", i, l.asked[i].Prompt, ids)
		}
	}
	if first := []int{l.asked[0].First, l.asked[1].First, l.asked[2].First, l.asked[3].First}; !slices.Equal(first, []int{0, 0, 1, 0}) {
		t.Errorf("numbers of samples %v", first)
	}
	if q := l.asked[3]; q.Seed != 5 || q.Temperature != 0 || q.MaxTokens != 20 || l.asked[0].Temperature != 0.5 {
		t.Errorf("asked %+v", q)
	}
	if text := talk.policy.Tokens.Decode(l.asked[4].Prompt, true); !strings.Contains(text, "be brief") || strings.Contains(text, "score") {
		t.Errorf("the system turn is not in %q", text)
	}
	if out != strings.Repeat("a fox\n", 5) {
		t.Errorf("out %q", out)
	}
	for _, want := range []string{"policy; no goal, temperature 0.5, seed 0", "goal: score 7", "temperature 0, seed 5", "with a system turn"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
}

// TestTalkRefuses: a wrong command is said to be so and changes nothing.
func TestTalkRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"/goal ten": "want a number", "/goal 1,2": "want 1 numbers, got 2", "/goal 99": "99 is off the scale of scores: want 1 to 10", "/goal beauty=3": "want a number for each of score", "/goal NaN": "off the scale",
		"/temperature -1": "want 0 to 100", "/temperature": "want 0 to 100", "/seed 1.5": "want a whole number", "/regen": "there is no answer yet",
		"/jump": "there is no command /jump", "/help": "/regen            another answer",
	} {
		l := &listener{}
		talk, out, notes := talking(t, l, nil, line)
		if !strings.Contains(notes, want) || out != "" || len(l.asked) > 0 || talk.goal != nil || talk.Seed != 0 || talk.Temperature != 0.5 {
			t.Errorf("%s: %q %q %+v", line, out, notes, talk)
		}
	}
}

// TestTalkLongLine: what is no turn of a person is refused by its length.
func TestTalkLongLine(t *testing.T) {
	talk := &talk{Chatting: Chatting{In: strings.NewReader(strings.Repeat("a", maxTurn+1)), Out: io.Discard, Notes: io.Discard}}
	if err := talk.run(t.Context()); err == nil || !strings.Contains(err.Error(), "a line of over 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

// TestTalkDial: attributes are set one by one or together.
func TestTalkDial(t *testing.T) {
	two := func(t *talk) { t.policy.Wording.Names = []string{"honesty", "helpfulness"} }
	talk, _, _ := talking(t, &listener{}, two, "/goal 8", "/goal helpfulness=3")
	if !slices.Equal(talk.goal, []float64{8, 3}) {
		t.Errorf("the goal is %v", talk.goal)
	}
	talk, _, notes := talking(t, &listener{}, two, "/goal helpfulness=3,honesty=9.5", "/goal beauty=1")
	if !slices.Equal(talk.goal, []float64{9.5, 3}) || !strings.Contains(notes, "goal: honesty 9.5, helpfulness 3") || !strings.Contains(notes, "each of honesty, helpfulness") {
		t.Errorf("the goal is %v: %s", talk.goal, notes)
	}
}

// TestTalkWindow: what does not fit is forgotten, and that is said.
func TestTalkWindow(t *testing.T) {
	l := &listener{says: "a fox is red."}
	long := strings.Repeat("tell me of it ", 14)
	talk, _, notes := talking(t, l, func(t *talk) { t.goal = []float64{9} }, long, long, long, long, strings.Repeat(long, 20))
	for i, q := range l.asked {
		if n := len(q.Prompt); n+q.MaxTokens > talk.policy.Window || q.MaxTokens != 20 {
			t.Errorf("question %d: %d tokens and %d of an answer", i, n, q.MaxTokens)
		}
		if text := talk.policy.Tokens.Decode(q.Prompt, true); !strings.Contains(text, "Overall score: 9.") {
			t.Errorf("question %d lost its goal: %q", i, text)
		}
	}
	if len(l.asked) != 5 || !strings.Contains(notes, "exchanges are forgotten") || !strings.Contains(notes, "its middle is left out") {
		t.Errorf("asked %d times: %s", len(l.asked), notes)
	}
}

// TestTalkStopped: an interrupt ends the answer, not the talk, which keeps what
// was said so far.
func TestTalkStopped(t *testing.T) {
	l := &listener{says: "a fo", wait: make(chan struct{})}
	interrupt := make(chan os.Signal, 1)
	go func() {
		<-l.wait
		interrupt <- os.Interrupt
	}()
	talk, out, notes := talking(t, l, func(t *talk) { t.Interrupt = interrupt }, "hello", "/seed 9")
	if out != "a fo\n" || !strings.Contains(notes, "(stopped)") || talk.Seed != 9 || len(talk.turns) != 2 || talk.turns[1].Content != "a fo" {
		t.Errorf("%q %q %+v", out, notes, talk.turns)
	}
}

// TestTalkTerminal: what would command a terminal does not reach it.
func TestTalkTerminal(t *testing.T) {
	_, out, notes := talking(t, &listener{says: "red \x1b[31mfox\n"}, func(t *talk) { t.Terminal = true }, "hello")
	if out != "red \uFFFD[31mfox\n\n" || !strings.Contains(notes, "> ") {
		t.Errorf("%q %q", out, notes)
	}
}

// TestOfferOfRun: a policy in a run folder words goals as the run did.
func TestOfferOfRun(t *testing.T) {
	run := t.TempDir()
	dir := run + "/artifacts/policy-iter-1-0123456789ab"
	if err := os.CopyFS(dir, os.DirFS(testFolders+"policy")); err != nil {
		t.Fatal(err)
	}
	config := "model: m\nprompts: {path: p.jsonl}\nranker: {kind: armorm, model: r}\naugment: {prompt: released-code, decimals: 0, attributes: [honesty, helpfulness]}\n"
	if err := os.WriteFile(run+"/"+ConfigFile, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := policyDir(run)
	if err != nil || found != dir {
		t.Fatal(found, err)
	}
	f, err := hf.Open(found)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := Offer{Goal: "9"}.policy(f)
	if err != nil {
		t.Fatal(err)
	}
	if w := p.Wording; w.Wording != chat.ReleasedCode || w.Decimals != 0 || !slices.Equal(w.Names, []string{"honesty", "helpfulness"}) || !slices.Equal(p.Goal, []float64{9, 9}) {
		t.Errorf("%+v %v", w, p.Goal)
	}
	if _, err := (Offer{Goal: "9,99"}).policy(f); err == nil || !strings.Contains(err.Error(), "99 is off the scale of scores: want 1 to 10") {
		t.Error(err)
	}
	if _, err := (Offer{Goal: "9", Sets: []string{"augment.method=none", "augment.attributes=[]", "sampler.goal=none"}}).policy(f); err == nil || !strings.Contains(err.Error(), "trained without goals") {
		t.Error(err)
	}
	if p, err = (Offer{Sets: []string{"augment.decimals=2"}}).policy(f); err != nil || p.Wording.Decimals != 2 {
		t.Errorf("%+v %v", p.Wording, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := policyDir(run); err == nil || !strings.Contains(err.Error(), "has no policy yet") {
		t.Error(err)
	}
}
