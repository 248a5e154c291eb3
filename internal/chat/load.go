package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"radpo/internal/chat/jinja"
)

// maxConfig bounds tokenizer_config.json; real ones reach a few megabytes of
// added tokens.
const maxConfig = 64 << 20

// Load reads the chat template of a Hugging Face model folder:
// chat_template.jinja, else chat_template in tokenizer_config.json (a string,
// or a list of named templates of which "default" is taken). The special
// tokens of tokenizer_config.json and special_tokens_map.json become its
// variables.
func Load(fsys fs.FS) (*Template, error) {
	config, err := readObject(fsys, "tokenizer_config.json")
	if err != nil {
		return nil, err
	}
	source, err := templateSource(fsys, config)
	if err != nil {
		return nil, err
	}
	vars := make(map[string]string)
	special, err := readObject(fsys, "special_tokens_map.json")
	if err != nil {
		return nil, err
	}
	addTokens(vars, special)
	addTokens(vars, config)
	t, err := New(source, vars)
	if err != nil {
		return nil, err
	}
	t.postBOS, err = addsBOS(fsys, config, vars["bos_token"])
	return t, err
}

// Info is tokenizer_config.json as other programs want it: the chat template in
// it, wherever the folder has that, and special tokens as plain text. A null
// stands for an eos_token that the folder does not name.
func Info(fsys fs.FS) (map[string]any, error) {
	config, err := readObject(fsys, "tokenizer_config.json")
	if err != nil {
		return nil, err
	}
	info := map[string]any{"eos_token": nil}
	for name, v := range config {
		if name != "added_tokens_decoder" { // megabytes that tokenizer.json has too
			info[name] = v
		}
	}
	tokens := map[string]string{}
	addTokens(tokens, config)
	for name, text := range tokens {
		info[name] = text
	}
	if source, err := templateSource(fsys, config); err == nil {
		info["chat_template"] = source
	}
	return info, nil
}

// read returns a whole file of at most limit bytes; absent gives nil.
func read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read chat template: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: it exceeds %d bytes", name, limit)
	}
	return data, nil
}

func readObject(fsys fs.FS, name string) (map[string]json.RawMessage, error) {
	data, err := read(fsys, name, maxConfig)
	if err != nil || data == nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	return object, nil
}

func templateSource(fsys fs.FS, config map[string]json.RawMessage) (string, error) {
	file, err := read(fsys, "chat_template.jinja", jinja.MaxSource)
	if err != nil {
		return "", err
	}
	if file != nil {
		return string(file), nil
	}
	raw, ok := config["chat_template"]
	if !ok || string(raw) == "null" {
		return "", errors.New("the model folder has no chat template: add chat_template.jinja, or chat_template to tokenizer_config.json")
	}
	var source string
	if json.Unmarshal(raw, &source) == nil {
		return source, nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &named); err != nil {
		return "", fmt.Errorf("tokenizer_config.json: chat_template must be a string or a list of {name, template}: %w", err)
	}
	var names []string
	for _, n := range named {
		if n.Name == "default" {
			return n.Template, nil
		}
		names = append(names, n.Name)
	}
	return "", fmt.Errorf("tokenizer_config.json: chat_template has no entry named default, only %s", strings.Join(names, ", "))
}

// addTokens copies the special tokens of a config, written as a string or as
// {"content": …}.
func addTokens(vars map[string]string, config map[string]json.RawMessage) {
	for _, name := range []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"} {
		var text string
		var token struct{ Content *string }
		switch {
		case json.Unmarshal(config[name], &text) == nil && string(config[name]) != "null":
			vars[name] = text
		case json.Unmarshal(config[name], &token) == nil && token.Content != nil:
			vars[name] = *token.Content
		}
	}
}

// addsBOS says whether the tokenizer by itself begins a text with BOS: as
// add_bos_token says, else as the post-processor of tokenizer.json does, else
// yes.
func addsBOS(fsys fs.FS, config map[string]json.RawMessage, bos string) (bool, error) {
	var add bool
	if raw, ok := config["add_bos_token"]; ok && json.Unmarshal(raw, &add) == nil && string(raw) != "null" {
		return add, nil
	}
	raw, err := postProcessor(fsys)
	if err != nil || raw == nil {
		return true, err
	}
	var p processor
	if err := json.Unmarshal(raw, &p); err != nil {
		return false, fmt.Errorf("tokenizer.json: post_processor: %w", err)
	}
	return p.begins(bos), nil
}

// processor is the part of a post-processor that says what a text begins with.
type processor struct {
	Single []struct {
		SpecialToken *struct{ ID string }
	}
	Processors []processor
}

func (p processor) begins(bos string) bool {
	if len(p.Single) > 0 && p.Single[0].SpecialToken != nil && p.Single[0].SpecialToken.ID == bos {
		return true
	}
	for _, inner := range p.Processors {
		if inner.begins(bos) {
			return true
		}
	}
	return false
}

// postProcessor reads that entry of tokenizer.json and stops there: the
// vocabulary, megabytes of it, stands behind.
func postProcessor(fsys fs.FS) (json.RawMessage, error) {
	f, err := fsys.Open("tokenizer.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read tokenizer.json: %w", err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("parse tokenizer.json: %w", err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("parse tokenizer.json: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("parse tokenizer.json: %w", err)
		}
		if key == "post_processor" {
			return value, nil
		}
	}
	return nil, nil
}
