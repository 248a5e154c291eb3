package chat_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"radpo/internal/chat"
)

// load returns the template of that name in testdata.
func load(t testing.TB, name string, vars map[string]string) *chat.Template {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "templates", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(source), vars)
}

func parse(t testing.TB, source string, vars map[string]string) *chat.Template {
	t.Helper()
	tmpl, err := chat.New(source, vars)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

var tokens = map[string]string{"bos_token": "<s>", "eos_token": "</s>"}

// talk makes a conversation of alternating roles and contents.
func talk(turns ...string) []chat.Message {
	var out []chat.Message
	for i := 0; i < len(turns); i += 2 {
		out = append(out, chat.Message{Role: turns[i], Content: turns[i+1]})
	}
	return out
}

// The exact strings are those of rankers.md section 5.
func TestRenderOfThePapersFamilies(t *testing.T) {
	const llama31 = "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
	user, full := talk("user", " U "), talk("user", " U ", "assistant", " A ")
	tests := []struct{ name, prompt, full string }{
		{"llama3", "<s><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
			"<s><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"},
		{"llama3.1", llama31 + "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
			llama31 + "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"},
		{"llama3.2", llama31 + "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
			llama31 + "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"},
		{"mistral-v0.3", "<s>[INST]  U [/INST]", "<s>[INST]  U [/INST] A</s>"},
		{"mistral-old", "<s>[INST]  U  [/INST]", "<s>[INST]  U  [/INST] A </s>"},
		{"qwen2", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n U <|im_end|>\n<|im_start|>assistant\n",
			"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n U <|im_end|>\n<|im_start|>assistant\n A <|im_end|>\n"},
		{"gemma", "<s><start_of_turn>user\nU<end_of_turn>\n<start_of_turn>model\n",
			"<s><start_of_turn>user\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"},
		{"zephyr", "<|user|>\n U </s>\n<|assistant|>\n", "<|user|>\n U </s>\n<|assistant|>\n A </s>\n"},
	}
	for _, test := range tests {
		tmpl := load(t, test.name, tokens)
		if got, err := tmpl.Render(user, true); err != nil || got != test.prompt {
			t.Errorf("%s: got prompt %q (%v), want %q", test.name, got, err, test.prompt)
		}
		if got, err := tmpl.Render(full, false); err != nil || got != test.full {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, err, test.full)
		}
	}
}

func TestAtSetsTheClock(t *testing.T) {
	tmpl := parse(t, "{{ strftime_now('%d %b %Y') }}", nil)
	if got, _ := tmpl.Render(nil, false); got != "26 Jul 2024" {
		t.Errorf("got %q, want the default date", got)
	}
	if got, _ := tmpl.At(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)).Render(nil, false); got != "02 Jan 2026" {
		t.Errorf("got %q, want 02 Jan 2026", got)
	}
}

func TestSystemTurn(t *testing.T) {
	for name, want := range map[string]bool{
		"llama3": true, "llama3.1": true, "qwen2": true, "zephyr": true, "gemma3": true, "phi3": true,
		"gemma": false, "mistral-old": false, "mistral-v0.3": false, "break-continue": false,
	} {
		if got := load(t, name, tokens).SystemTurn(); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestEndOfTurn: the token behind an answer ends it, whatever follows; text
// that is no special token does not.
func TestEndOfTurn(t *testing.T) {
	hold := func(name string, tmpl *chat.Template, want string) {
		got := ""
		if id, ok := tmpl.EndOfTurn(runes{}); ok {
			got = text([]int32{id})
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"llama3": "<|eot_id|>", "llama3.1": "<|eot_id|>", "qwen2": "<|im_end|>", "qwen2.5": "<|im_end|>", "gemma": "<end_of_turn>",
		"zephyr": "</s>", "mistral-old": "</s>", "mistral-v0.3": "</s>",
		"phi3": "", // its <|end|> is no token here
	} {
		hold(name, load(t, name, tokens), want)
	}
	for source, want := range map[string]string{
		"{% for m in messages %}{{ m.content + '<|eot_id|>' }}{% endfor %}<|start_header_id|>": "<|eot_id|>", // Llama 3's first template
		"{% for m in messages %}{{ m.content + ' END' }}{% endfor %}<|start_header_id|>":       "",
		"{% for m in messages %}{{ m.content }}{% endfor %}":                                   "",
		"{{ messages[0].content }}</s>":                                                        "", // no answer in it
		"{{ raise_exception('no') }}":                                                          "",
	} {
		hold(source, parse(t, source, tokens), want)
	}
}

// Without the vectors beside the repository the test is skipped.
func TestRenderMatchesTheChatVectors(t *testing.T) {
	families := map[string]struct{ template, bos string }{
		"llama3": {"llama3", "<|begin_of_text|>"},
		"gemma2": {"gemma", "<bos>"},
	}
	for family, f := range families {
		t.Run(family, func(t *testing.T) {
			file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "tokenizers", family+".chat.jsonl"))
			if err != nil {
				t.Skip("the shared vectors are absent: ", err)
			}
			defer file.Close()
			tmpl := load(t, f.template, map[string]string{"bos_token": f.bos})
			n := 0
			for lines := bufio.NewScanner(file); lines.Scan(); n++ {
				var v struct {
					Messages            []struct{ Role, Content string }
					AddGenerationPrompt bool `json:"add_generation_prompt"`
					Text                string
				}
				if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
					t.Fatal(err)
				}
				var messages []chat.Message
				for _, m := range v.Messages {
					messages = append(messages, chat.Message{Role: m.Role, Content: m.Content})
				}
				if got, err := tmpl.Render(messages, v.AddGenerationPrompt); err != nil || got != v.Text {
					t.Errorf("line %d: got %q (%v), want %q", n+1, got, err, v.Text)
				}
			}
			if n == 0 {
				t.Error("got no vectors")
			}
		})
	}
}

func TestNewRefusesBadTemplates(t *testing.T) {
	_, err := chat.New("{% include 'x' %}", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "parse chat template: template line 1: unknown tag 'include'") {
		t.Errorf("got %v, want an error that names the line and the tag", err)
	}
}

// The budgets that stop hostile templates leave room for real conversations.
func TestLongConversationsFitTheBudgets(t *testing.T) {
	var long []chat.Message
	for range 250 {
		long = append(long, talk("user", strings.Repeat("A question? ", 170), "assistant", strings.Repeat("An answer. ", 190))...)
	}
	wide := talk("user", strings.Repeat("wörd ", 250_000))
	for _, name := range []string{"llama2", "llama3", "llama3.1", "qwen2", "qwen2.5", "qwen3", "mistral-old", "mistral-v0.3", "gemma", "gemma3", "zephyr", "phi3",
		"deepseek-r1", "gpt-oss", "smollm3", "glm4.5"} {
		tmpl := load(t, name, tokens)
		for _, messages := range [][]chat.Message{long, wide} {
			if text, err := tmpl.Render(messages, true); err != nil || len(text) < 1_000_000 {
				t.Errorf("%s: got %d bytes (%v), want a megabyte", name, len(text), err)
			}
		}
	}
}

func TestTemplateServesManyGoroutines(t *testing.T) {
	tmpl := load(t, "chatml", tokens)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			messages := tmpl.WithGoal(talk("user", "a</s>"), "G")
			ids, err := tmpl.Encode(runes{}, messages, false, false)
			if want := "<s><|im_start|>system\nG<|im_end|>\n<|im_start|>user\na‹/s><|im_end|>\n"; err != nil || text(ids) != want {
				t.Errorf("got %q (%v), want %q", text(ids), err, want)
			}
		})
	}
	wait.Wait()
}
