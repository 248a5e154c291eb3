package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A cursor walks a JSON array or object that encoding/json has found valid. Vocabularies and
// merge lists hold most of a file's bytes; reflection over them would take
// longer than all the rest of loading.
type cursor struct {
	b []byte
	i int
}

// open steps over the delimiter ('{', '[') that the next value must begin with.
func (c *cursor) open(delim byte) error {
	if got := c.peek(); got != delim {
		return fmt.Errorf("want %q, got %q at byte %d", delim, got, c.i)
	}
	c.i++
	return nil
}

// more reports whether a container has another element, and steps over the
// comma before it or the container's end.
func (c *cursor) more() bool {
	switch c.peek() {
	case ',':
		c.i++
		return true
	case ']', '}':
		c.i++
		return false
	}
	return true
}

// peek is the next byte after white space.
func (c *cursor) peek() byte {
	for {
		switch b := c.b[c.i]; b {
		case ' ', '\t', '\r', '\n', ':':
			c.i++
		default:
			return b
		}
	}
}

func (c *cursor) string() (string, error) {
	if err := c.open('"'); err != nil {
		return "", err
	}
	start := c.i
	plain := bytes.IndexByte(c.b[start:], '"')
	if s := c.b[start : start+plain]; bytes.IndexByte(s, '\\') < 0 {
		c.i += plain + 1
		return string(s), nil
	}
	for c.b[c.i] != '"' {
		if c.b[c.i] == '\\' {
			c.i++
		}
		c.i++
	}
	c.i++
	var s string
	err := json.Unmarshal(c.b[start-1:c.i], &s)
	return s, err
}

// number is the text of the next number.
func (c *cursor) number() (string, error) {
	c.peek()
	start := c.i
	for strings.IndexByte("+-.0123456789eE", c.b[c.i]) >= 0 {
		c.i++
	}
	if c.i == start {
		return "", fmt.Errorf("want a number, got %q at byte %d", c.peek(), c.i)
	}
	return string(c.b[start:c.i]), nil
}

func (c *cursor) integer() (int64, error) {
	s, err := c.number()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}
