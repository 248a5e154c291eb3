package table

// A Message is one turn of a conversation.
type Message struct {
	Role    string `col:"role"` // system, user or assistant
	Content string `col:"content"`
}

// A Prompt is a conversation that ends with the user's turn.
type Prompt struct {
	ID       string    `col:"prompt_id"` // hex sha256 over the messages
	Messages []Message `col:"messages"`
	Source   string    `col:"source"` // where it came from: file and line or row
	Split    string    `col:"split"`  // held-out, or train-1, train-2, … by iteration
}
