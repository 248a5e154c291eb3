package remote

import (
	"fmt"
	"os"
	"strings"
	"unicode"
)

// readKey is the key in the environment variable env.
func readKey(env string) (string, error) {
	if env == "" {
		return "", nil
	}
	key := strings.TrimSpace(os.Getenv(env))
	switch {
	case key == "":
		return "", fmt.Errorf("the environment variable %s, which should hold the key, is not set", env)
	case strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }):
		return "", fmt.Errorf("the environment variable %s holds characters that a key cannot have", env)
	}
	return key, nil
}

// most is how much of what a server says an error repeats, in runes.
const most = 300

// quote is the start of what a server said, on one line and without the key.
func (c *Client) quote(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "�")), " ")
	if c.key != "" {
		text = strings.ReplaceAll(text, c.key, "…")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '�'
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
