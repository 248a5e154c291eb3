package table

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// PromptID names a conversation: the hex sha256 over its messages as canonical
// JSON (members sorted, no spaces, UTF-8 unescaped), which in Python is
//
//	json.dumps(messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
func PromptID(messages []Message) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, m := range messages {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"content":`)
		quote(&b, m.Content)
		b.WriteString(`,"role":`)
		quote(&b, m.Role)
		b.WriteByte('}')
	}
	b.WriteByte(']')
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// quote writes a JSON string, escaping only what must be: encoding/json also
// escapes U+2028 and U+2029.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch short := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case short >= 0:
			b.WriteByte('\\')
			b.WriteByte(`"\bfnrt`[short])
		case r < 0x20:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// roles maps what data sets call the speakers.
var roles = map[string]string{
	"system": "system", "user": "user", "assistant": "assistant",
	"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
}

// parseMessages reads a list of {role, content} or {from, value}.
func parseMessages(list []any) ([]Message, error) {
	messages := make([]Message, 0, len(list))
	for i, v := range list {
		m, err := parseTurn(v)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// zipped is v, or the list of objects that an object of lists as long as each
// other stands for: datasets keeps a Sequence of objects so.
func zipped(v any) any {
	columns, ok := v.(map[string]any)
	if !ok || len(columns) == 0 {
		return v
	}
	var rows []any
	for name, column := range columns {
		list, ok := column.([]any)
		if !ok || rows != nil && len(list) != len(rows) {
			return v
		}
		if rows == nil {
			rows = make([]any, len(list))
			for i := range rows {
				rows[i] = map[string]any{}
			}
		}
		for i, value := range list {
			rows[i].(map[string]any)[name] = value
		}
	}
	return rows
}

func parseTurn(v any) (Message, error) {
	obj, ok := v.(map[string]any)
	if !ok {
		return Message{}, fmt.Errorf("got %s, want an object of role and content, or of from and value", kindOf(v))
	}
	who, what := obj["role"], obj["content"]
	if who == nil && what == nil {
		who, what = obj["from"], obj["value"]
	}
	name, ok := who.(string)
	if !ok {
		return Message{}, fmt.Errorf("role: got %s, want text", kindOf(who))
	}
	role, ok := roles[name]
	if !ok {
		return Message{}, fmt.Errorf("role %q is none of system, user, assistant", name)
	}
	content, ok := what.(string)
	if !ok {
		return Message{}, fmt.Errorf("content: got %s, want text", kindOf(what))
	}
	return Message{role, content}, nil
}

// lastUser cuts messages behind the last user's turn.
func lastUser(messages []Message) ([]Message, error) {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			if strings.TrimSpace(messages[i].Content) == "" {
				return nil, errors.New("the last user's turn is empty")
			}
			return messages[:i+1], nil
		}
	}
	return nil, errors.New("there is no user's turn")
}

// kindOf names the type of a foreign value.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "a bool"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
