package pipeline

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"radpo/configs"
	"radpo/ranker"
	"radpo/sampler"
)

// resolveAsking readies a ranker that asks servers; one that does not is left
// alone. A judge's question stands in the result in place of its file, answers
// are kept in the run folder dir, if there is one, unless they have a folder of
// their own, and the key must be set.
func resolveAsking(c configs.Ranker, dir string) (configs.Ranker, error) {
	if !c.Asks() {
		return c, nil
	}
	if c.Remote.Cache == "" && dir != "" {
		c.Remote.Cache = filepath.Join(dir, "answers")
	}
	if c.Kind == "judge" && c.Judge.Prompt != "" {
		var err error
		if c.Judge.Prompt, err = readQuestion(c.Judge.Prompt); err != nil {
			return c, fmt.Errorf("ranker.judge.prompt: %w", err)
		}
	}
	return c, ranker.CheckAsks(c)
}

// resolveFleet is where answers of the servers that sample are kept in the run
// folder dir, once it is known that they can be asked.
func resolveFleet(c configs.Sampler, dir string) (string, error) {
	if c.Backend != "openai" {
		return "", nil
	}
	return filepath.Join(dir, "fleet"), sampler.CheckFleet(c.Remote)
}

// maxQuestion bounds the file with a judge's question, in bytes.
const maxQuestion = 1 << 20

func readQuestion(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxQuestion+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxQuestion || !utf8.Valid(text):
		return "", fmt.Errorf("%s is not a text of at most %d bytes", path, maxQuestion)
	case strings.TrimSpace(string(text)) == "":
		return "", fmt.Errorf("%s is empty", path)
	}
	return string(text), nil
}

// relevant is what raw scores depend on besides what the stage reads: keys that
// the ranker's kind does not read are left out, and so change no fingerprint.
func (l *loop) relevant() ranker.Config {
	c := ranker.Config{Ranker: l.Ranker, DType: l.DType, Device: l.Device}
	if c.Asks() {
		c = ranker.Config{Ranker: l.in.asking, DType: "float32", Device: "cpu"}
		c.Heads, c.BatchTokens = "", 0
	} else {
		c.Remote = configs.Remote{}
	}
	if c.Kind != "pairrm" {
		c.PairRM = configs.PairRM{}
	}
	if c.Kind != "judge" {
		c.Judge = configs.Judge{}
	} else {
		c.Remote.Protocol, c.Remote.Form = "", ""
	}
	c.Model = "" // its content is an input
	return c
}
