package ranker

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

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
	if _, err := Replies(t.Context(), c, []Talk{talk("question 5", "bad")}, func() {}); err == nil || !strings.HasPrefix(err.Error(), "question 5: ") {
		t.Errorf("got %v", err)
	}
}
