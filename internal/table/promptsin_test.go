package table_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/table"
)

func save(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// prompts reads a file to its end and returns its prompts and errors.
func prompts(r *table.PromptReader) (ps []table.Prompt, errs []string) {
	for p, err := range r.Rows() {
		if err != nil {
			errs = append(errs, err.Error())
		} else {
			ps = append(ps, p)
		}
	}
	return ps, errs
}

func user(s string) []table.Message { return []table.Message{{Role: "user", Content: s}} }

func TestPromptLayouts(t *testing.T) {
	tests := map[string]struct {
		file string
		want []table.Message
	}{
		"prompt text":    {`{"prompt":"hi"}`, user("hi")},
		"instruction":    {`{"instruction":"hi","input":"","output":"x"}`, user("hi")},
		"alpaca input":   {`{"instruction":"sum","input":"1 2","output":"3"}`, user("sum\n1 2")},
		"question":       {`{"question":"why?"}`, user("why?")},
		"prompt list":    {`{"prompt":[{"role":"user","content":"hi"}]}`, user("hi")},
		"null passed by": {`{"prompt":null,"question":"why?"}`, user("why?")},
		"messages": {
			`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}`,
			[]table.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}, {Role: "user", Content: "c"}},
		},
		"conversations":   {`{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}`, user("a")},
		"array":           {`[{"prompt":"hi"}]`, user("hi")},
		"spread array":    {"[\n  {\n \"prompt\": \"hi\"\n }\n]\n", user("hi")},
		"byte order mark": {"\xef\xbb\xbf{\"prompt\":\"hi\"}\r\n\r\n", user("hi")},
		"mark and array":  {"\xef\xbb\xbf[{\"prompt\":\"hi\"}]", user("hi")},
		"surrogate pair":  {`{"prompt":"\ud83d\ude00\\ud83d"}`, user("😀\\ud83d")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, errs := prompts(table.ReadPrompts(save(t, "p.jsonl", tt.file), table.PromptOptions{}))
			if len(errs) > 0 || len(got) != 1 {
				t.Fatalf("%s: got %d prompts, errors %q", tt.file, len(got), errs)
			}
			if d := cmp.Diff(got[0].Messages, tt.want); d != "" {
				t.Errorf("%s (-got +want):\n%s", tt.file, d)
			}
		})
	}
}

func TestPromptErrors(t *testing.T) {
	deep := `{"prompt":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	tests := map[string]struct{ file, want string }{
		"empty file":      {"", "p: the file is empty"},
		"blank lines":     {"\n\n", "p: no rows"},
		"line named":      {"{\"prompt\":\"a\"}\n\n{\"prompt\":7}\n", "p:3: prompt: got a number, want a text or a list of messages"},
		"row named":       {`[{"prompt":"a"},{"x":1}]`, "p: row 2: there is none of prompt"},
		"no object":       {`7`, "p:1: number, want an object"},
		"null":            {`null`, "p:1: null, want an object"},
		"syntax":          {`{"prompt":"a",}`, "p:1: invalid character '}'"},
		"broken off":      {`{"prompt":"a`, "p:1: the JSON breaks off"},
		"spread object":   {"{\n\"prompt\":\"a\"\n}", "want one object a line"},
		"array open":      {`[{"prompt":"a"}`, "p: the array does not end"},
		"array then more": {`[{"prompt":"a"}] {}`, "p: there is more after the array"},
		"NaN":             {`{"prompt":"a","score":NaN}`, "p:1: NaN and Infinity are not JSON"},
		"-Infinity":       {`{"prompt":"a","score":-Infinity}`, "p:1: NaN and Infinity are not JSON"},
		"not UTF-8":       {"{\"prompt\":\"\xff\"}", "p:1: text is not UTF-8"},
		"half a pair":     {`{"prompt":"\ud83d"}`, `p:1: \ud83d is half of a surrogate pair`},
		"low half":        {`{"prompt":"\ude00"}`, `half of a surrogate pair`},
		"UTF-16":          {"\xff\xfe{\x00", "UTF-16"},
		"gzip":            {"\x1f\x8b\x08", "compressed"},
		"deep":            {deep, "p:1: nested deeper than 64"},
		"empty prompt":    {`{"prompt":" "}`, "the last user's turn is empty"},
		"no user":         {`{"messages":[{"role":"system","content":"s"}]}`, "there is no user's turn"},
		"role":            {`{"messages":[{"role":"tool","content":"s"}]}`, `message 1: role "tool" is none of`},
		"content":         {`{"messages":[{"role":"user","content":[]}]}`, "message 1: content: got a list, want text"},
		"id of another":   {"{\"prompt_id\":\"1\",\"prompt\":\"a\"}\n{\"prompt_id\":\"1\",\"prompt\":\"b\"}", `p:2: prompt_id "1" is another prompt's`},
		"parquet stub":    {"PAR1", "cut short"},
		"arrow stub":      {"ARROW1\x00\x00", "cut short"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, errs := prompts(table.ReadPrompts(save(t, "p", tt.file), table.PromptOptions{}))
			if len(errs) == 0 || !strings.Contains(errs[0], tt.want) {
				t.Errorf("%.80q: got errors %q, want the first with %q", tt.file, errs, tt.want)
			}
		})
	}
}

func TestPromptLongLine(t *testing.T) {
	path := save(t, "p", `{"prompt":"`+strings.Repeat("a", 65<<20)+`"}`)
	_, errs := prompts(table.ReadPrompts(path, table.PromptOptions{}))
	if len(errs) != 1 || !strings.Contains(errs[0], "p:1: the row is larger than") {
		t.Errorf("got errors %.200q", errs)
	}
}

// TestPromptIdentity checks ids, sources, duplicates and a named column.
func TestPromptIdentity(t *testing.T) {
	r := table.ReadPrompts(save(t, "p.jsonl", strings.Join([]string{
		`{"q":"a","prompt":"x"}`, `{"q":"b","prompt_id":"mine"}`, `{"q":[{"from":"human","value":"a"}]}`, `bad`, `{"q":"c"}`, `{"q":"d","prompt_id":4}`,
	}, "\n")), table.PromptOptions{Column: "q"})
	got, errs := prompts(r)
	want := []table.Prompt{
		// python3 -c 'import hashlib; print(hashlib.sha256(b"[{\"content\":\"a\",\"role\":\"user\"}]").hexdigest())'
		{ID: "5168bd634e48454dad7ce9e90c521bba8b23340bd1b1b4f735486e46964a996a", Messages: user("a"), Source: "p.jsonl:1"},
		{ID: "mine", Messages: user("b"), Source: "p.jsonl:2"},
		{ID: table.PromptID(user("c")), Messages: user("c"), Source: "p.jsonl:5"},
		{ID: "4", Messages: user("d"), Source: "p.jsonl:6"},
	}
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
	if len(errs) != 1 || r.Duplicates() != 1 {
		t.Errorf("got errors %q and %d duplicates, want one of each", errs, r.Duplicates())
	}
}

// TestPromptID holds the hash to what Python's json.dumps gives.
func TestPromptID(t *testing.T) {
	messages := []table.Message{{Role: "system", Content: "tab\t \"q\" \\ \x01\x7f \u2028 é 😀 </b>"}, {Role: "user", Content: ""}}
	const want = "c549a31351eaf2bb8a368149bffc9290079a3944d123d1a487fe1b3dfb7c8a7e"
	if got := table.PromptID(messages); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
