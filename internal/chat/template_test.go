package chat_test

import (
	"testing"

	"radpo/internal/chat"
)

const llama3 = `{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}`

func TestLlama3(t *testing.T) {
	tmpl, err := chat.New(llama3, map[string]string{"bos_token": "<|begin_of_text|>"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Render([]chat.Message{{Role: "system", Content: "S"}, {Role: "user", Content: " U "}}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !tmpl.SystemTurn() {
		t.Error("the Llama-3 template keeps a system turn, SystemTurn says no")
	}
}
