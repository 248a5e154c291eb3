package ranker

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radpo/configs"
	"radpo/internal/table"
)

// TestReplies: in order, equal talks asked once, and an error that names its talk.
func TestReplies(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q chatRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.MaxTokens != 7 || q.Messages[0].Content == "bad" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		asked.Add(1)
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]string{"content": "re: " + q.Messages[0].Content}}}})
	}))
	defer s.Close()
	c := configs.Default().Ranker
	c.Remote.URLs, c.Remote.Model, c.Judge.MaxTokens = []string{s.URL}, "gpt", 7
	talk := func(name, text string) Talk { return Talk{name, []table.Message{{Role: "user", Content: text}}} }
	var done atomic.Int64
	got, err := Replies(t.Context(), c, []Talk{talk("1", "a"), talk("2", "b"), talk("3", "a")}, func() { done.Add(1) })
	if want := []string{"re: a", "re: b", "re: a"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if asked.Load() != 2 || done.Load() != 3 {
		t.Errorf("asked %d times for %d, want 2 for 3", asked.Load(), done.Load())
	}
	if _, err := Replies(t.Context(), c, []Talk{talk("question 5", "bad")}, func() {}); err == nil || !strings.HasPrefix(err.Error(), "gpt, question 5: ") {
		t.Errorf("got %v", err)
	}
}

// TestRepliesLost: what a judge does not answer, in whatever way, keeps nothing
// else from being asked, is never kept as an answer, and alone is asked again.
func TestRepliesLost(t *testing.T) {
	firstWait = time.Millisecond
	defer func() { firstWait = 0 }()
	answer := func(message string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprintf(w, `{"choices": [{"message": %s}]}`, message) }
	}
	for name, tt := range map[string]struct {
		fault func(w http.ResponseWriter)
		tries int64
		want  string
		drops bool // may count as without a verdict
	}{
		"null":      {answer(`{"content": null}`), 5, "the answer has no content", true},
		"empty":     {answer(`{"content": " \n"}`), 5, "the answer has no content", true},
		"refusal":   {answer(`{"content": null, "refusal": "I cannot"}`), 1, "the answer is a refusal", true},
		"filter":    {answer(`{}, "finish_reason": "content_filter"`), 1, "the answer is a refusal", true},
		"thinking":  {answer(`{"content": ""}, "finish_reason": "length"`), 1, "has no content: ranker.judge.max_tokens was used up", true},
		"shape":     {answer(`{"content": {"a": 1}}`), 5, "the answer cannot be read", true},
		"no JSON":   {func(w http.ResponseWriter) { io.WriteString(w, "{choices") }, 5, "the answer cannot be read", true},
		"error":     {func(w http.ResponseWriter) { io.WriteString(w, `{"error": "x"}`) }, 5, "the answer has no choices", true},
		"bad":       {func(w http.ResponseWriter) { http.Error(w, "too long", 400) }, 1, "400 Bad Request: too long", true},
		"boom":      {func(w http.ResponseWriter) { http.Error(w, "boom", 500) }, 8, "500 Internal Server Error: boom", false},
		"broken":    {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 8, "EOF", false},
		"forbidden": {func(w http.ResponseWriter) { http.Error(w, "you", 403) }, 1, "403 Forbidden: you", false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, well atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				asked.Add(1)
				if strings.Contains(string(body), "odd") && well.Load() == 0 {
					tt.fault(w)
					return
				}
				answer(`{"content": "[[7]]"}`)(w)
			}))
			defer s.Close()
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			c := configs.Default().Ranker
			c.Remote.URLs, c.Remote.Model, c.Remote.Concurrency, c.Remote.Cache = []string{s.URL}, "gpt", 1, t.TempDir()
			var talks []Talk
			for _, text := range []string{"a", "b", "odd", "c", "d"} {
				talks = append(talks, Talk{"question " + text, []table.Message{{Role: "user", Content: text}}})
			}
			ask := func() ([]string, int64, error) {
				asked.Store(0)
				got, err := Replies(t.Context(), c, talks, func() {})
				return got, asked.Load(), err
			}
			_, n, err := ask()
			after := int64(4)
			if name == "forbidden" {
				after = 2
			}
			if err == nil || !strings.HasPrefix(err.Error(), "gpt, question odd: POST "+s.URL) || !strings.Contains(err.Error(), tt.want) || n != after+tt.tries {
				t.Fatalf("asked %d times, want %d: %v", n, after+tt.tries, err)
			}
			c.NonFinite = "drop"
			got, n, err := ask()
			if (err == nil) != tt.drops || tt.drops && (got[2] != "" || got[3] != "[[7]]") || n < tt.tries {
				t.Errorf("dropping: got %q after %d, %v", got, n, err)
			}
			c.NonFinite = "fail"
			well.Store(1)
			if got, n, err := ask(); err != nil || got[2] != "[[7]]" || name != "forbidden" && n != 1 {
				t.Errorf("again: got %q after %d, %v", got, n, err)
			}
			if _, n, err := ask(); err != nil || n != 0 {
				t.Errorf("once more: asked %d, %v", n, err)
			}
			s2 := httptest.NewServer(s.Config.Handler)
			defer s2.Close()
			c.Remote.URLs = []string{s2.URL}
			if _, n, err := ask(); err != nil || n != 0 {
				t.Errorf("elsewhere: asked %d, %v", n, err)
			}
		})
	}
}

// TestRepliesHopeless: a judge that answers nothing is not asked everything.
func TestRepliesHopeless(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "max_tokens is not supported", http.StatusBadRequest)
	}))
	defer s.Close()
	c := configs.Default().Ranker
	c.Remote.URLs, c.Remote.Model, c.Remote.Concurrency, c.NonFinite = []string{s.URL}, "gpt", 2, "drop"
	var talks []Talk
	for i := range 100 {
		talks = append(talks, Talk{fmt.Sprint("question ", i), []table.Message{{Role: "user", Content: fmt.Sprint(i)}}})
	}
	_, err := Replies(t.Context(), c, talks, func() {})
	if err == nil || !strings.Contains(err.Error(), "max_tokens is not supported; after ") || asked.Load() > hopeless+2 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}
