package tokenizer_test

import (
	"fmt"
	"slices"

	"radpo/internal/tokenizer"
)

// A tokenizer.json is trained, or comes with a model, and is then all there is to know.
func Example() {
	texts := []string{"the king and the queen", "the queen and the king"}
	data, err := tokenizer.Train(slices.Values(texts), 273, []string{"<|begin_of_text|>", "<|eot_id|>"})
	if err != nil {
		fmt.Println(err)
		return
	}
	tok, err := tokenizer.Parse(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.Encode("the queen<|eot_id|>")
	for _, id := range ids {
		fmt.Println(tok.Token(id))
	}
	fmt.Println(tok.Decode(ids, true))
	// Output:
	// <|begin_of_text|>
	// the
	// Ġqueen
	// <|eot_id|>
	// the queen
}
