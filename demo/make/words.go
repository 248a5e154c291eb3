package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"radpo/demo"
	"radpo/internal/chat"
	"radpo/internal/tokenizer"
)

// Special tokens, in the order of their ids behind the vocabulary.
var specials = []string{"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>"}

// template is the form of Llama 3's conversations.
const template = `{%- for message in messages -%}
{%- if loop.first -%}{{ bos_token }}{%- endif -%}
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}`

// words are what both models read and write with.
type words struct {
	tokens   *tokenizer.Tokenizer
	template *chat.Template
	files    map[string][]byte // tokenizer.json and its configuration
}

// newWords trains the tokenizer on texts of the world.
func newWords(seed uint64) (words, error) {
	all, err := texts(seed)
	if err != nil {
		return words{}, err
	}
	data, err := tokenizer.Train(slices.Values(all), vocabulary, specials)
	if err != nil {
		return words{}, err
	}
	w := words{files: map[string][]byte{"tokenizer.json": data}}
	if w.tokens, err = tokenizer.Parse(data); err != nil {
		return words{}, err
	}
	w.files["tokenizer_config.json"], err = json.MarshalIndent(map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": window, "clean_up_tokenization_spaces": false,
		"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|pad|>", "chat_template": template,
	}, "", "  ")
	if err != nil {
		return words{}, err
	}
	w.template, err = chat.New(template, map[string]string{"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|pad|>"})
	return w, err
}

// texts is all that the tokenizer is to know: prompts, goals and answers.
func texts(seed uint64) ([]string, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := []string{"system\n\n", "user\n\n", "assistant\n\n"}
	for range 20000 {
		ex, err := demo.StageSpeak.Example(rng, goalText)
		if err != nil {
			return nil, err
		}
		for _, m := range ex.Messages {
			out = append(out, m.Role, m.Content)
		}
		out = append(out, "assistant", ex.Answer)
	}
	return out, nil
}

// goalText is the paper's wording, as the loop will use it.
func goalText(goals []float64, decimals int) string {
	g := chat.Goal{Wording: chat.Paper, Decimals: decimals}
	if len(goals) > 1 {
		g.Names = demo.Attributes[:]
	}
	return g.Text(goals)
}

// id is the id of a special token.
func (w words) id(token string) int32 {
	id, _ := w.tokens.ID(token)
	return id
}

// write lays the files down in dir, which it makes.
func (w words) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, data := range w.files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return fmt.Errorf("write tokenizer: %w", err)
		}
	}
	return nil
}
