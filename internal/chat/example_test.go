package chat_test

import (
	"fmt"
	"testing/fstest"

	"radpo/internal/chat"
)

func Example() {
	model := fstest.MapFS{
		"tokenizer_config.json": {Data: []byte(`{
			"bos_token": "<s>",
			"chat_template": "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}"
		}`)},
	}
	tmpl, err := chat.Load(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	goal := chat.Goal{Wording: "Aim for {score} of 10.", Decimals: 1}
	messages := []chat.Message{{Role: "user", Content: " Name a fruit. "}}
	text, err := tmpl.Render(tmpl.WithGoal(messages, goal.Text([]float64{9.5})), true)
	fmt.Println(text, err)
	// Output:
	// <s><system>Aim for 9.5 of 10.
	// <user>Name a fruit.
	//  <nil>
}
