package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// repr is Python's repr(v).
func repr(v Value) string {
	var b strings.Builder
	writeRepr(&b, v, 0)
	return b.String()
}

func writeRepr(b *strings.Builder, v Value, depth int) {
	if depth > MaxDepth || b.Len() > maxRepr {
		fail("a value is too large to print")
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(itoa(v))
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		quote(b, v)
	case *List:
		reprList(b, v, depth)
	case *Dict:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, k, depth+1)
			b.WriteString(": ")
			writeRepr(b, v.vals[i], depth+1)
		}
		b.WriteByte('}')
	case *Undefined:
		b.WriteString("Undefined")
	case *namespace:
		b.WriteString("<Namespace ")
		writeRepr(b, v.attrs, depth+1)
		b.WriteByte('>')
	case *Func:
		if v.macro {
			b.WriteString("<Macro '" + v.name + "'>")
		} else {
			b.WriteString("<function " + v.name + ">")
		}
	default:
		fmt.Fprintf(b, "<%s>", typeName(v))
	}
}

func reprList(b *strings.Builder, l *List, depth int) {
	open, end := "[", "]"
	switch l.Kind {
	case Tuple:
		open, end = "(", ")"
		if len(l.Items) == 1 {
			end = ",)"
		}
	case Keys, Values, Items:
		open, end = typeName(l)+"([", "])"
	case Range:
		b.WriteString(rangeRepr(l))
		return
	case Generator:
		b.WriteString("<generator>")
		return
	}
	b.WriteString(open)
	for i, item := range l.Items {
		if i > 0 {
			b.WriteString(", ")
		}
		writeRepr(b, item, depth+1)
	}
	b.WriteString(end)
}

// rangeRepr prints a range by its first number and step; the original stop is
// not kept.
func rangeRepr(l *List) string {
	if len(l.Items) == 0 {
		return "range(0, 0)"
	}
	first, _ := asInt(l.Items[0])
	step := int64(1)
	if len(l.Items) > 1 {
		second, _ := asInt(l.Items[1])
		step = second - first
	}
	stop := first + step*int64(len(l.Items))
	if step == 1 {
		return fmt.Sprintf("range(%d, %d)", first, stop)
	}
	return fmt.Sprintf("range(%d, %d, %d)", first, stop, step)
}

// floatRepr is the shortest text that reads back as f, in Python's layout.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote writes s as a Python string literal.
func quote(b *strings.Builder, s string) {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b.WriteByte(q)
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(b, `\x%02x`, s[i])
		case r == rune(q) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteByte(q)
}
