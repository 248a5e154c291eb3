package openai

import (
	"encoding/json"
	"net/http"

	"radpo/internal/web"
)

// Events are server-sent events of JSON.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (e *events) send(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.line(text)
}

// line sends one event. The first begins the answer.
func (e *events) line(data []byte) error {
	if !e.begun {
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // a proxy would hold events back
		e.begun = true
	}
	if _, err := e.w.Write(append(append([]byte("data: "), data...), "\n\n"...)); err != nil {
		return err
	}
	return e.control.Flush()
}

// stream answers w with an event a token. An error before the first is an
// answer of its own; later it is an event.
func (a *answer) stream(w http.ResponseWriter, r *http.Request) error {
	e := &events{w: w, control: http.NewResponseController(w)}
	err := a.run(r.Context(), func(d delta) error {
		if err := a.greet(e); err != nil {
			return err
		}
		if d.text == "" && d.finish == "" && a.top == nil && !a.ReturnIDs {
			return nil
		}
		return e.send(a.envelope([]choiceJSON{a.choiceOf(d, true)}, true))
	})
	switch {
	case err != nil && !e.begun:
		return statusOf(err)
	case err != nil:
		_, body := web.Body(statusOf(err))
		e.send(body)
		return nil
	}
	if o := a.StreamOptions; o != nil && o.IncludeUsage {
		last := a.envelope([]choiceJSON{}, true)
		last.Usage = a.used()
		e.send(last)
	}
	e.line([]byte("[DONE]"))
	return nil
}

// greet opens the turns of a chat.
func (a *answer) greet(e *events) error {
	if !a.chatting || e.begun {
		return nil
	}
	nothing := ""
	for i := range a.choices {
		first := a.envelope([]choiceJSON{{Index: i, Delta: &message{Role: "assistant", Content: &nothing}}}, true)
		if i == 0 && a.ReturnIDs {
			first.PromptIDs = a.prompts[0]
		}
		if err := e.send(first); err != nil {
			return err
		}
	}
	return nil
}
