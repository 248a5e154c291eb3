package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/eval"
	"radpo/internal/table"
)

// TestBenchmarkFilesRefused: a file of the wrong shape is refused with its line
// and the shape it should have.
func TestBenchmarkFilesRefused(t *testing.T) {
	const question = `{"question_id": 81, "category": "writing", "turns": ["a", "b"]}`
	questions := func(path string) error {
		_, err := readBench(path, eval.MTQuestionShape, once(func(q eval.MTQuestion) string { return questionNamed(string(q.ID)) }))
		return err
	}
	answers := func(path string) error {
		_, err := readAnswers[eval.MTAnswer](path, eval.MTAnswerShape)
		return err
	}
	annotations := func(path string) error {
		_, err := gathered(path, annotationShape, table.ReadAnnotations(path))
		return err
	}
	for _, c := range []struct {
		read func(path string) error
		text string
		want string
	}{
		{questions, "hello", ":1: no JSON object"},
		{questions, "[" + question + "]", ":1: want a JSON object, got array"},
		{questions, question + "\r\n\r\n" + question, ":3: question 81 again"},
		{questions, question + "\n" + `{"question_id": 82, "category": "writing", "turns": "a"}`, ":2: turns: got string, want a list of texts"},
		{questions, `{"question_id": 81, "turns": ["a"]}`, ":1: category: is missing"},
		{questions, `{"question_id": "` + strings.Repeat("x", 5000) + `", "category": "a", "turns": ["a"]}`, ":1: question_id: got 5000 bytes, want a name"},
		{questions, "\x1f\x8b\x08", ":1: the file is compressed: unpack it first"},
		{questions, "", ": there are no rows"},
		{answers, `{"question_id": 81, "model_id": "a", "choices": [{"turns": ["x"]}]}` + "\n" + `{"question_id": 82, "model_id": "b", "choices": [{"turns": ["x"]}]}`,
			":2: model is b, in rows before it a: give one model a file"},
		{answers, `{"question_id": 81, "model_id": "a", "choices": {}}`, ":1: choices: got object, want a list"},
		{annotations, "hello", ":1: invalid character 'h'"},
		{annotations, `{"output_1": "a", "output_2": "b", "preference": 3}`, ":1: preference: got 3"},
	} {
		path := filepath.Join(t.TempDir(), "f.jsonl")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		err := c.read(path)
		if err == nil || !strings.Contains(err.Error(), path+c.want) || !strings.Contains(err.Error(), "; want ") {
			t.Errorf("%.80q: got %v, want %q and the shape", c.text, err, c.want)
		}
	}
	if err := questions(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is a directory; want lines of") {
		t.Errorf("a folder: got %v", err)
	}
}
