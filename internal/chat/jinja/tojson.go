package jinja

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonWriter is Python's json.dumps, as transformers binds it to tojson:
// characters beyond ASCII stay, keys keep their order, ", " and ": " separate.
type jsonWriter struct {
	in      *interp
	b       strings.Builder
	ascii   bool
	sort    bool
	indent  string // of one level; used when pretty
	pretty  bool
	item    string
	keyMark string
}

func tojson(in *interp, v Value, args *callArgs) Value {
	w := &jsonWriter{in: in, item: ", ", keyMark: ": "}
	w.ascii = truth(args.get(0, "ensure_ascii", false))
	w.sort = truth(args.get(3, "sort_keys", false))
	switch indent := args.get(1, "indent", nil).(type) {
	case nil:
	case string:
		w.pretty, w.indent = true, indent
	default:
		n := needInt(indent, "indent")
		if n > maxField {
			fail("an indent exceeds %d", maxField)
		}
		w.pretty, w.indent = true, strings.Repeat(" ", max(n, 0))
	}
	if w.pretty {
		w.item = ","
	}
	if sep := args.get(2, "separators", nil); sep != nil {
		parts := in.iterate(sep)
		if len(parts) != 2 {
			fail("separators must be two strings")
		}
		w.item, w.keyMark = needString(parts[0], "a separator"), needString(parts[1], "a separator")
	}
	w.value(v, 0)
	return in.sized(w.b.String())
}

func (w *jsonWriter) value(v Value, depth int) {
	w.in.step()
	if depth > MaxDepth || w.b.Len() > MaxOutput {
		fail("a value is too large for tojson")
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		fmt.Fprint(&w.b, v)
	case int64:
		w.b.WriteString(itoa(v))
	case float64:
		w.b.WriteString(jsonFloat(v))
	case string:
		w.string(v)
	case *Dict:
		w.dict(v, depth)
	case *List:
		if v.Kind > Tuple {
			fail("a value of type %s has no JSON form", typeName(v))
		}
		w.nest('[', ']', len(v.Items), depth, func(i int) { w.value(v.Items[i], depth+1) })
	default:
		fail("a value of type %s has no JSON form", typeName(v))
	}
}

func (w *jsonWriter) dict(d *Dict, depth int) {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if w.sort {
		sort.SliceStable(order, func(i, j int) bool { return w.in.order(d.keys[order[i]], d.keys[order[j]]) < 0 })
	}
	w.nest('{', '}', d.Len(), depth, func(i int) {
		w.string(jsonKey(d.keys[order[i]]))
		w.b.WriteString(w.keyMark)
		w.value(d.vals[order[i]], depth+1)
	})
}

// nest writes n items between brackets.
func (w *jsonWriter) nest(open, end byte, n, depth int, item func(i int)) {
	w.b.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		w.newline(depth + 1)
		item(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.b.WriteByte(end)
}

func (w *jsonWriter) newline(depth int) {
	if w.pretty {
		w.in.room(len(w.indent) * depth)
		w.b.WriteString("\n" + strings.Repeat(w.indent, depth))
	}
}

func jsonKey(k Value) string {
	switch k := k.(type) {
	case string:
		return k
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(k)
	case int64:
		return itoa(k)
	case float64:
		return jsonFloat(k)
	}
	fail("a value of type %s cannot be a key in JSON", typeName(k))
	return ""
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatRepr(f)
}

func (w *jsonWriter) string(s string) {
	w.in.work(len(s), charBytes)
	w.b.WriteByte('"')
	for _, r := range s {
		if i := strings.IndexRune("\"\\\n\r\t\b\f", r); i >= 0 && r != utf8.RuneError {
			w.b.WriteByte('\\')
			w.b.WriteByte(`"\nrtbf`[i])
			continue
		}
		switch {
		case r < 0x20 || w.ascii && r >= 0x7f && r < 0x10000 && r != 0x7f:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case w.ascii && r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, hi, lo)
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}
