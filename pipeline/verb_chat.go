package pipeline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/openai"
	"radpo/internal/torch"
)

// Chatting says how a chat begins and what it talks through.
type Chatting struct {
	Offer
	Sampling
	System    string
	In        io.Reader
	Out       io.Writer        // answers
	Notes     io.Writer        // all else
	Terminal  bool             // people type: prompts are wanted, and no control characters
	Interrupt <-chan os.Signal // stops an answer
}

// Chat talks with the policy of m until the input or ctx ends: lines are the
// user's turns, or commands.
func Chat(ctx context.Context, m Model, o Chatting) error {
	var err error
	if m.Dir, err = policyDir(m.Dir); err != nil {
		return err
	}
	return m.with(func(f *hf.Folder, d torch.DType) error {
		p, err := o.policy(f)
		if err != nil {
			return err
		}
		if p.Template == nil {
			return inputError("%s has no chat template: radpo generate takes prompts of ids", f.Name())
		}
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, policy model.Policy) error {
			h := newHost()
			t := &talk{Chatting: o, policy: p, engine: h, goal: p.Goal}
			stop, over := make(chan struct{}), make(chan error, 1)
			go func() {
				defer close(stop)
				over <- t.run(ctx)
			}()
			failed := h.work(ctx, s, policy, p.Tokens, stop)
			return errors.Join(failed, <-over)
		})
	})
}

// A talk is a conversation with a policy.
type talk struct {
	Chatting
	policy openai.Policy
	engine openai.Engine
	turns  []chat.Message // without the system's
	goal   []float64      // empty: none is asked for
	again  int            // answers to the last turn so far, which number its draws
}

// maxTurn bounds a line of input, in bytes.
const maxTurn = 1 << 20

// run reads lines until they end.
func (t *talk) run(ctx context.Context) error {
	t.note("%s; /help lists commands", t.state())
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(t.In)
		scan.Buffer(nil, maxTurn)
		for scan.Scan() {
			select {
			case lines <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
		failed <- scan.Err()
	}()
	for {
		t.prompt()
		select {
		case line, ok := <-lines:
			if !ok {
				t.prompt()
				if err := <-failed; errors.Is(err, bufio.ErrTooLong) {
					return fmt.Errorf("a line of over %d bytes is more than a turn", maxTurn)
				} else if err != nil {
					return err
				}
				return nil
			}
			if end, err := t.take(ctx, line); end || err != nil {
				return err
			}
		case <-t.Interrupt:
			t.note("\n/quit or Ctrl-D ends")
		case <-ctx.Done():
			return nil
		}
	}
}

// prompt asks people for a line.
func (t *talk) prompt() {
	if t.Terminal {
		fmt.Fprint(t.Notes, "> ")
	}
}

func (t *talk) note(format string, args ...any) { fmt.Fprintf(t.Notes, format+"\n", args...) }

// take does what a line says, and reports whether it ends the talk.
func (t *talk) take(ctx context.Context, line string) (end bool, err error) {
	text := strings.ToValidUTF8(line, "\uFFFD")
	if strings.HasPrefix(text, "/") {
		return t.command(ctx, text)
	}
	if text = strings.TrimSpace(text); text == "" {
		return false, nil
	}
	t.turns, t.again = append(t.turns, chat.Message{Role: "user", Content: text}), 0
	return false, t.answer(ctx)
}

// answer lets the policy speak. An answer that is stopped stays as far as it
// came; one that fails takes the user's turn back.
func (t *talk) answer(ctx context.Context) error {
	ids, limit, err := t.fit()
	if err != nil {
		t.turns = t.turns[:len(t.turns)-1]
		t.note("%v", err)
		return nil
	}
	said, stopped, err := t.speak(ctx, openai.Generation{
		Prompt: ids, N: 1, First: t.again, MaxTokens: limit, Temperature: t.Temperature, TopP: t.TopP, TopK: t.TopK, RepetitionPenalty: 1,
		Stop: t.policy.Stop, Seed: t.Seed,
	})
	if err != nil {
		return err
	}
	t.turns = append(t.turns, chat.Message{Role: "assistant", Content: said})
	if stopped {
		t.note("(stopped)")
	}
	return nil
}

// speak prints an answer as it comes, until it ends or is interrupted.
func (t *talk) speak(ctx context.Context, g openai.Generation) (said string, stopped bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	interrupted := make(chan bool, 1)
	go func() {
		select {
		case <-t.Interrupt:
			interrupted <- true
			cancel()
		case <-over:
			interrupted <- false
		}
	}()
	var b strings.Builder
	err = t.engine.Generate(ctx, []openai.Generation{g}, func(_ int, e openai.Event) {
		b.WriteString(e.Text)
		io.WriteString(t.Out, t.shown(e.Text))
	})
	close(over)
	io.WriteString(t.Out, "\n")
	if stopped = <-interrupted; errors.Is(err, context.Canceled) {
		err = nil
	}
	return b.String(), stopped, err
}

// shown is text as people may see it.
func (t *talk) shown(text string) string {
	if t.Terminal {
		return printable(text)
	}
	return text
}

// fit is the prompt's ids and the answer's limit. Turns that the window has no
// room for are forgotten, the oldest first, and then the middle of the last;
// either is said.
func (t *talk) fit() (ids []int32, limit int, err error) {
	room := t.policy.Window - min(t.MaxTokens, t.policy.Window/4)
	forgotten := 0
	for {
		ids, err = t.encode(t.turns, 0)
		if err != nil || len(ids) <= room || len(t.turns) < 2 {
			break
		}
		t.turns = t.turns[2:] // a user's and the answer
		forgotten++
	}
	if err == nil && len(ids) > room {
		t.note("(your text is longer than the window of %d tokens has room for; its middle is left out)", t.policy.Window)
		ids, err = t.encode(t.turns, room)
	}
	if forgotten > 0 {
		t.note("(the window of %d tokens is full: the oldest %d exchanges are forgotten)", t.policy.Window, forgotten)
	}
	return ids, min(t.MaxTokens, t.policy.Window-len(ids)), err
}

// encode renders turns with the system's and the goal, cut to a limit of
// tokens, if there is one.
func (t *talk) encode(turns []chat.Message, limit int) ([]int32, error) {
	if t.System != "" {
		turns = append([]chat.Message{{Role: "system", Content: t.System}}, turns...)
	}
	p := chat.Prompter{Template: t.policy.Template, Tokens: t.policy.Tokens, Goal: t.policy.Wording, MaxTokens: limit}
	_, ids, err := p.Prompt(turns, t.goal)
	return ids, err
}
