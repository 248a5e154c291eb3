package openai

import (
	"encoding/json"
	"reflect"

	"radpo/internal/web"
)

// unsupported are members by OpenAI, vLLM and SGLang that would change an
// answer, each with the value that changes nothing, as null does: ignoring
// another would be a wrong answer.
var unsupported = []struct {
	name    string
	neutral any
}{
	{"presence_penalty", 0.0}, {"frequency_penalty", 0.0}, {"use_beam_search", false}, {"length_penalty", 1.0},
	{"include_stop_str_in_output", false}, {"skip_special_tokens", true}, {"suffix", ""}, {"prompt_logprobs", nil},
	{"response_format", map[string]any{"type": "text"}}, {"structured_outputs", nil}, {"guided_json", nil}, {"guided_regex", nil},
	{"guided_choice", nil}, {"guided_grammar", nil}, {"json_schema", nil}, {"regex", nil}, {"ebnf", nil},
	{"bad_words", []any{}}, {"allowed_token_ids", nil}, {"logits_processors", nil}, {"truncate_prompt_tokens", nil}, {"prompt_embeds", nil},
	{"tools", []any{}}, {"functions", []any{}}, {"documents", []any{}}, {"modalities", []any{"text"}}, {"audio", nil}, {"web_search_options", nil},
	{"continue_final_message", false}, {"add_generation_prompt", true}, {"chat_template", nil}, {"chat_template_kwargs", map[string]any{}},
}

// supported reports a member of a request that would change its answer and
// cannot.
func supported(body []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return err // parse has read it
	}
	for _, m := range unsupported {
		var value any
		if raw, ok := members[m.name]; ok && json.Unmarshal(raw, &value) == nil && value != nil && !reflect.DeepEqual(value, m.neutral) {
			return web.Of(m.name, "this server does not support it")
		}
	}
	return nil
}
