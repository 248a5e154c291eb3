package remote

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
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
	for _, form := range c.keyForms() {
		text = strings.ReplaceAll(text, form, "…")
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

// keyForms are the key as it is, in JSON and in a URL.
func (c *Client) keyForms() []string {
	if c.key == "" {
		return nil
	}
	quoted, _ := json.Marshal(c.key) // a string always has a JSON form
	inside := string(quoted[1 : len(quoted)-1])
	return []string{c.key, inside, strings.ReplaceAll(inside, "/", `\/`), url.QueryEscape(c.key), url.PathEscape(c.key)}
}

func (c *Client) holdsKey(text string) bool {
	return slices.ContainsFunc(c.keyForms(), func(form string) bool { return strings.Contains(text, form) })
}
