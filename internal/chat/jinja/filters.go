package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A filter is a function behind |; names are those of its arguments.
type filter struct {
	least, most int
	names       []string
	fn          func(in *interp, v Value, args *callArgs) Value
}

// filters are filled in by init, as map refers to the table itself.
var filters map[string]filter

func init() {
	filters = map[string]filter{
		"trim": {0, 1, []string{"chars"}, func(in *interp, v Value, a *callArgs) Value {
			return in.strip(in.str(v), a.get(0, "chars", nil), true, true)
		}},
		"upper":      textFilter(upper),
		"lower":      textFilter(lower),
		"title":      textFilter(titleFilter),
		"capitalize": textFilter(capitalize),
		"string":     textFilter(func(s string) string { return s }),
		"safe":       textFilter(func(s string) string { return s }),
		"escape":     textFilter(escapeHTML),
		"e":          textFilter(escapeHTML),
		"replace":    {2, 3, []string{"old", "new", "count"}, replaceFilter},
		"indent":     {0, 3, []string{"width", "first", "blank"}, indentFilter},
		"truncate":   {0, 4, []string{"length", "killwords", "end", "leeway"}, truncateFilter},
		"center":     {0, 1, []string{"width"}, centerFilter},
		"format":     {0, anyArgs, nil, formatFilter},
		"wordcount":  {fn: wordCount},
		"length":     {fn: lengthFilter},
		"count":      {fn: lengthFilter},
		"default":    {0, 2, []string{"default_value", "boolean"}, defaultFilter},
		"d":          {0, 2, []string{"default_value", "boolean"}, defaultFilter},
		"int":        {0, 2, []string{"default", "base"}, intFilter},
		"float":      {0, 1, []string{"default"}, floatFilter},
		"abs":        {fn: absFilter},
		"round":      {0, 2, []string{"precision", "method"}, roundFilter},
		"attr":       {1, 1, []string{"name"}, attrFilter},
		"tojson":     {0, 4, []string{"ensure_ascii", "indent", "separators", "sort_keys"}, tojson},
		"list": {fn: func(in *interp, v Value, _ *callArgs) Value {
			return NewList(append([]Value(nil), in.iterate(v)...)...)
		}},
		"items":      {fn: itemsFilter},
		"first":      {fn: firstFilter},
		"last":       {fn: lastFilter},
		"reverse":    {fn: reverseFilter},
		"join":       {0, 2, []string{"d", "attribute"}, joinFilter},
		"sort":       {0, 3, []string{"reverse", "case_sensitive", "attribute"}, sortFilter},
		"dictsort":   {0, 3, []string{"case_sensitive", "by", "reverse"}, dictSort},
		"unique":     {0, 2, []string{"case_sensitive", "attribute"}, uniqueFilter},
		"min":        {0, 2, []string{"case_sensitive", "attribute"}, extreme(-1)},
		"max":        {0, 2, []string{"case_sensitive", "attribute"}, extreme(1)},
		"sum":        {0, 2, []string{"attribute", "start"}, sumFilter},
		"batch":      {1, 2, []string{"linecount", "fill_with"}, batchFilter},
		"map":        {0, anyArgs, nil, mapFilter},
		"select":     {0, anyArgs, nil, selectFilter(true, false)},
		"reject":     {0, anyArgs, nil, selectFilter(false, false)},
		"selectattr": {1, anyArgs, nil, selectFilter(true, true)},
		"rejectattr": {1, anyArgs, nil, selectFilter(false, true)},
	}
}

func textFilter(fn func(string) string) filter {
	return filter{fn: func(in *interp, v Value, _ *callArgs) Value {
		s := in.str(v)
		in.work(len(s), charBytes)
		return in.sized(fn(s))
	}}
}

// titleFilter differs from str.title: a word begins after blanks, hyphens and
// opening brackets only.
func titleFilter(s string) string {
	between := func(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) }
	var b strings.Builder
	for s != "" {
		word := len(s) - len(strings.TrimLeftFunc(s, between))
		b.WriteString(s[:word])
		s = s[word:]
		end := strings.IndexFunc(s, between)
		if end < 0 {
			end = len(s)
		}
		if end > 0 {
			_, first := utf8.DecodeRuneInString(s)
			b.WriteString(upper(s[:first]) + lower(s[first:end]))
		}
		s = s[end:]
	}
	return b.String()
}

func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

func replaceFilter(in *interp, v Value, args *callArgs) Value {
	n := -1
	if c := args.get(2, "count", nil); c != nil {
		n = needInt(c, "a count")
	}
	return in.replace(in.str(v), in.str(args.get(0, "old", nil)), in.str(args.get(1, "new", nil)), n)
}

func indentFilter(in *interp, v Value, args *callArgs) Value {
	s := needString(v, "the text to indent")
	by, ok := args.get(0, "width", int64(4)).(string)
	if !ok {
		n := needInt(args.get(0, "width", int64(4)), "a width")
		in.room(n)
		by = strings.Repeat(" ", max(n, 0))
	}
	first, blank := truth(args.get(1, "first", false)), truth(args.get(2, "blank", false))
	lines := splitLines(in, s+"\n", &callArgs{}).(*List).Items
	in.room(len(s) + len(by)*min(len(lines), MaxOutput))
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == 0 && first || i > 0 && (blank || line != "") {
			b.WriteString(by)
		}
		b.WriteString(line.(string))
	}
	return b.String()
}

func truncateFilter(in *interp, v Value, args *callArgs) Value {
	size, ok := length(v)
	if !ok {
		fail("a value of type %s has no length", typeName(v))
	}
	n := needInt(args.get(0, "length", int64(255)), "a length")
	end := []rune(needString(args.get(2, "end", "..."), "an end"))
	leeway := 5
	if l := args.get(3, "leeway", nil); l != nil {
		leeway = needInt(l, "a leeway")
	}
	if n < len(end) || leeway < 0 {
		fail("truncate needs a length of at least its end's and a leeway of at least 0")
	}
	in.work(size, charBytes)
	if size <= n+leeway {
		return v
	}
	s := []rune(needString(v, "a text to truncate"))
	head := string(s[:n-len(end)])
	if !truth(args.get(1, "killwords", false)) {
		if i := strings.LastIndexByte(head, ' '); i >= 0 {
			head = head[:i]
		}
	}
	return head + string(end)
}

func centerFilter(in *interp, v Value, args *callArgs) Value {
	return in.pad(in.str(v), needInt(args.get(0, "width", int64(80)), "a width"), " ", 1, 1)
}

func formatFilter(in *interp, v Value, args *callArgs) Value {
	if len(args.named) == 0 {
		return in.sized(in.percent(in.str(v), &List{Items: args.pos, Kind: Tuple}))
	}
	if len(args.pos) > 0 {
		fail("format takes positional or named arguments, not both")
	}
	d := NewDict()
	for _, n := range args.named {
		d.set(n.name, n.value)
	}
	return in.sized(in.percent(in.str(v), d))
}

func wordCount(in *interp, v Value, _ *callArgs) Value {
	s := in.str(v)
	in.work(len(s), charBytes)
	return int64(len(strings.FieldsFunc(s, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})))
}

func lengthFilter(in *interp, v Value, _ *callArgs) Value {
	n, ok := length(v)
	if !ok {
		fail("a value of type %s has no length", typeName(v))
	}
	in.work(n, scanBytes)
	return int64(n)
}

func defaultFilter(_ *interp, v Value, args *callArgs) Value {
	if isUndefined(v) || truth(args.get(1, "boolean", false)) && !truth(v) {
		return args.get(0, "default_value", "")
	}
	return v
}

func intFilter(_ *interp, v Value, args *callArgs) Value {
	switch v := v.(type) {
	case *Undefined:
		v.fail()
	case string:
		base := needInt(args.get(1, "base", int64(10)), "a base")
		if i, ok := pythonInt(v, base); ok {
			return i
		}
		if f, ok := pythonFloat(v); ok && math.Abs(f) < 1<<63 {
			return int64(f)
		}
	case float64:
		if math.Abs(v) < 1<<63 {
			return int64(v)
		}
	default:
		if i, ok := asInt(v); ok {
			return i
		}
	}
	return args.get(0, "default", int64(0))
}

func pythonInt(s string, base int) (int64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if base < 2 || base > 36 {
		return 0, false
	}
	if prefix := map[int]string{16: "0x", 8: "0o", 2: "0b"}[base]; prefix != "" {
		s = strings.TrimPrefix(strings.ToLower(s), prefix)
	}
	s, ok := plainDigits(s)
	i, err := strconv.ParseInt(s, base, 64)
	return i, ok && err == nil
}

// plainDigits removes the underscores that Python allows between digits.
func plainDigits(s string) (string, bool) {
	if !strings.Contains(s, "_") {
		return s, true
	}
	ok := !strings.HasPrefix(s, "_") && !strings.HasSuffix(s, "_") && !strings.Contains(s, "__")
	return strings.ReplaceAll(s, "_", ""), ok
}

func pythonFloat(s string) (float64, bool) {
	s, ok := plainDigits(strings.TrimFunc(s, isSpace))
	if strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, ok && (err == nil || math.IsInf(f, 0))
}

func floatFilter(_ *interp, v Value, args *callArgs) Value {
	if u, ok := v.(*Undefined); ok {
		u.fail()
	}
	if f, ok := asFloat(v); ok {
		return f
	}
	if s, ok := v.(string); ok {
		if f, ok := pythonFloat(s); ok {
			return f
		}
	}
	return args.get(0, "default", 0.0)
}

func absFilter(_ *interp, v Value, _ *callArgs) Value {
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	i, ok := asInt(v)
	if !ok {
		fail("abs needs a number, not %s", typeName(v))
	}
	return multiply(i, sign(i))
}

func roundFilter(_ *interp, v Value, args *callArgs) Value {
	p := needInt(args.get(0, "precision", int64(0)), "a precision")
	if p < 0 || p > 300 {
		fail("round takes a precision from 0 to 300")
	}
	f, ok := asFloat(v)
	if !ok {
		fail("round needs a number, not %s", typeName(v))
	}
	scale := math.Pow10(p)
	switch needString(args.get(1, "method", "common"), "a method") {
	case "ceil":
		return math.Ceil(f*scale) / scale
	case "floor":
		return math.Floor(f*scale) / scale
	case "common":
		if i, ok := asInt(v); ok {
			return i
		}
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', p, 64), 64)
		return f
	}
	fail("round takes the methods common, ceil and floor")
	return nil
}

// attrFilter reads an attribute proper, never an item.
func attrFilter(in *interp, v Value, args *callArgs) Value {
	name := in.str(args.get(0, "name", nil))
	if m, ok := in.member(v, name); ok {
		return m
	}
	private(name)
	return undefined(typeName(v) + " attribute '" + clip(name) + "'")
}
