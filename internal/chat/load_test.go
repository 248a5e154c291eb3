package chat_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"radpo/internal/chat"
)

func folder(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestLoad(t *testing.T) {
	const config = "tokenizer_config.json"
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string // the render of one user turn, or the error
	}{
		{"string", folder(config, `{"chat_template": "{{ bos_token }}c", "bos_token": "<b>"}`), "<b>c"},
		{"token with content", folder(config, `{"chat_template": "{{ bos_token ~ eos_token }}", "bos_token": {"content": "<b>", "lstrip": false}, "eos_token": null}`), "<b>"},
		{"file before config", folder("chat_template.jinja", "f{{ eos_token }}\n", config, `{"chat_template": "c", "eos_token": "<e>"}`), "f<e>"},
		{"named list", folder(config, `{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}`), "d"},
		{"token from the map", folder(config, `{"chat_template": "{{ bos_token ~ eos_token }}", "eos_token": "<e>"}`, "special_tokens_map.json", `{"bos_token": "<m>", "eos_token": "<x>"}`), "<m><e>"},
		{"unset token", folder(config, `{"chat_template": "[{{ bos_token }}]", "bos_token": null}`), "[]"},
		{"no default", folder(config, `{"chat_template": [{"name": "rag", "template": "t"}]}`), "tokenizer_config.json: chat_template has no entry named default, only rag"},
		{"nothing", folder(), "the model folder has no chat template: add chat_template.jinja, or chat_template to tokenizer_config.json"},
		{"number", folder(config, `{"chat_template": 3}`), "tokenizer_config.json: chat_template must be a string or a list of {name, template}: "},
		{"cut off", folder(config, `{"chat_template": "x`), "parse tokenizer_config.json: "},
		{"bad template", folder("chat_template.jinja", "{{"), "parse chat template: "},
		{"bad tokenizer", folder(config, `{"chat_template": "x"}`, "tokenizer.json", `{"post_processor": [}`), "parse tokenizer.json: "},
		{"large", folder("chat_template.jinja", strings.Repeat("x", 2<<20)), "read chat_template.jinja: it exceeds 262144 bytes"},
	}
	for _, test := range tests {
		tmpl, err := chat.Load(test.files)
		if err != nil {
			if got := err.Error(); !strings.HasPrefix(got, test.want) || test.want == "" {
				t.Errorf("%s: got error %q, want %q", test.name, got, test.want)
			}
			continue
		}
		if got, err := tmpl.Render(talk("user", "u"), true); err != nil || got != test.want {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

// A template without BOS gets one only where the tokenizer would add it.
func TestLoadDecidesOnBOS(t *testing.T) {
	const template = `"chat_template": "u", "bos_token": "<s>"`
	const adds = `{"version": "1.0", "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"},
		{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A"}}]}]}, "model": 0}`
	const plain = `{"post_processor": {"type": "ByteLevel"}, "model": 0}`
	tests := []struct {
		name, config, tokenizer string
		want                    int
	}{
		{"nothing said", `{` + template + `}`, "", 1},
		{"config says no", `{` + template + `, "add_bos_token": false}`, adds, 0},
		{"config says yes", `{` + template + `, "add_bos_token": true}`, plain, 1},
		{"post-processor adds", `{` + template + `}`, adds, 1},
		{"post-processor does not", `{` + template + `}`, plain, 0},
		{"no post-processor", `{` + template + `}`, `{"post_processor": null}`, 0},
	}
	for _, test := range tests {
		files := folder("tokenizer_config.json", test.config)
		if test.tokenizer != "" {
			files["tokenizer.json"] = &fstest.MapFile{Data: []byte(test.tokenizer)}
		}
		tmpl, err := chat.Load(files)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tmpl.Encode(runes{}, nil, false, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(text(ids), "<s>"); got != test.want {
			t.Errorf("%s: got %d BOS in %q, want %d", test.name, got, text(ids), test.want)
		}
	}
}
