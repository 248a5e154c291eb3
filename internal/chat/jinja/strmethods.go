package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringMethods are the methods of Python's str.
var stringMethods map[string]method[string]

func init() { // a literal would refer to itself through str.format
	stringMethods = map[string]method[string]{
		"strip":        stripMethod(true, true),
		"lstrip":       stripMethod(true, false),
		"rstrip":       stripMethod(false, true),
		"upper":        textMethod(upper),
		"lower":        textMethod(lower),
		"casefold":     textMethod(lower),
		"title":        textMethod(titleWords),
		"capitalize":   textMethod(capitalize),
		"swapcase":     textMethod(swapCase),
		"isspace":      allMethod(isSpace),
		"isdigit":      allMethod(unicode.IsDigit),
		"isdecimal":    allMethod(unicode.IsDigit),
		"isnumeric":    allMethod(unicode.IsNumber),
		"isalpha":      allMethod(unicode.IsLetter),
		"isalnum":      allMethod(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isupper":      caseMethod(unicode.IsUpper),
		"islower":      caseMethod(unicode.IsLower),
		"split":        {0, 2, []string{"sep", "maxsplit"}, splitMethod(false)},
		"rsplit":       {0, 2, []string{"sep", "maxsplit"}, splitMethod(true)},
		"splitlines":   {0, 1, []string{"keepends"}, splitLines},
		"partition":    {1, 1, nil, partition(strings.Index)},
		"rpartition":   {1, 1, nil, partition(strings.LastIndex)},
		"replace":      {2, 3, nil, replaceMethod},
		"join":         {1, 1, nil, joinMethod},
		"startswith":   {1, 3, nil, affixMethod(strings.HasPrefix)},
		"endswith":     {1, 3, nil, affixMethod(strings.HasSuffix)},
		"removeprefix": {1, 1, nil, cutMethod(strings.TrimPrefix)},
		"removesuffix": {1, 1, nil, cutMethod(strings.TrimSuffix)},
		"find":         {1, 3, nil, findMethod(strings.Index, false)},
		"rfind":        {1, 3, nil, findMethod(strings.LastIndex, false)},
		"index":        {1, 3, nil, findMethod(strings.Index, true)},
		"rindex":       {1, 3, nil, findMethod(strings.LastIndex, true)},
		"count":        {1, 3, nil, countMethod},
		"zfill":        {1, 1, nil, zeroFill},
		"ljust":        {1, 2, nil, justify(0, 1)},
		"rjust":        {1, 2, nil, justify(1, 0)},
		"center":       {1, 2, nil, justify(1, 1)},
		"format":       {0, anyArgs, nil, formatMethod},
	}
}

func textMethod(fn func(string) string) method[string] {
	return method[string]{fn: func(in *interp, s string, _ *callArgs) Value {
		in.work(len(s), charBytes)
		return in.sized(fn(s))
	}}
}

func stripMethod(left, right bool) method[string] {
	return method[string]{0, 1, nil, func(in *interp, s string, args *callArgs) Value {
		return in.strip(s, args.get(0, "", nil), left, right)
	}}
}

// allMethod holds when there is a character and all satisfy is.
func allMethod(is func(rune) bool) method[string] {
	return method[string]{fn: func(in *interp, s string, _ *callArgs) Value {
		in.work(len(s), charBytes)
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0
	}}
}

// caseMethod holds when there is a cased character and all of them satisfy is.
func caseMethod(is func(rune) bool) method[string] {
	return method[string]{fn: func(in *interp, s string, _ *callArgs) Value {
		in.work(len(s), charBytes)
		wrong := func(r rune) bool { return isCased(r) && !is(r) }
		return strings.IndexFunc(s, is) >= 0 && strings.IndexFunc(s, wrong) < 0
	}}
}

func splitMethod(fromRight bool) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		in.work(len(s), charBytes)
		limit := needInt(args.get(1, "maxsplit", int64(-1)), "maxsplit")
		if limit < 0 {
			limit = len(s) + 1
		}
		var parts []string
		if sep := args.get(0, "sep", nil); sep == nil {
			parts = splitSpace(s, limit, fromRight)
		} else {
			parts = splitBy(s, needString(sep, "a separator"), limit, fromRight)
		}
		return in.stringList(parts)
	}
}

func (in *interp) stringList(parts []string) *List {
	in.work(len(parts), makeItems)
	l := &List{Items: make([]Value, len(parts))}
	for i, part := range parts {
		l.Items[i] = part
	}
	return l
}

func splitBy(s, sep string, limit int, fromRight bool) []string {
	if sep == "" {
		fail("a separator is empty")
	}
	if !fromRight {
		return strings.SplitN(s, sep, min(limit, len(s)+1)+1)
	}
	var tail []string
	for ; limit > 0; limit-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		tail = append(tail, s[i+len(sep):])
		s = s[:i]
	}
	tail = append(tail, s)
	for i, j := 0, len(tail)-1; i < j; i, j = i+1, j-1 {
		tail[i], tail[j] = tail[j], tail[i]
	}
	return tail
}

func splitSpace(s string, limit int, fromRight bool) []string {
	fields := strings.FieldsFunc(s, isSpace)
	if len(fields) <= limit {
		return fields
	}
	if !fromRight {
		rest := s
		for _, f := range fields[:limit] {
			rest = rest[strings.Index(rest, f)+len(f):]
		}
		return append(fields[:limit:limit], strings.TrimLeftFunc(rest, isSpace))
	}
	last := fields[len(fields)-limit:]
	rest := s
	for i := len(last) - 1; i >= 0; i-- {
		rest = rest[:strings.LastIndex(rest, last[i])]
	}
	return append([]string{strings.TrimRightFunc(rest, isSpace)}, last...)
}

func splitLines(in *interp, s string, args *callArgs) Value {
	in.work(len(s), charBytes)
	keep := truth(args.get(0, "keepends", false))
	var lines []string
	for s != "" {
		i := strings.IndexAny(s, "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029")
		if i < 0 {
			lines = append(lines, s)
			break
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		end := i
		if keep {
			end += n
		}
		lines = append(lines, s[:end])
		s = s[i+n:]
	}
	return in.stringList(lines)
}

func partition(find func(s, sep string) int) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		in.work(len(s), scanBytes)
		sep := needString(args.pos[0], "a separator")
		if sep == "" {
			fail("a separator is empty")
		}
		i := find(s, sep)
		parts := []Value{s, "", ""}
		switch {
		case i >= 0:
			parts = []Value{s[:i], sep, s[i+len(sep):]}
		case find("ab", "") != 0: // from the right, what is not found goes last
			parts = []Value{"", "", s}
		}
		return &List{Items: parts, Kind: Tuple}
	}
}

func replaceMethod(in *interp, s string, args *callArgs) Value {
	n := needInt(args.get(2, "count", int64(-1)), "a count")
	return in.replace(s, needString(args.pos[0], "what to replace"), needString(args.pos[1], "a replacement"), n)
}

func (in *interp) replace(s, old, with string, n int) string {
	in.work(len(s), scanBytes)
	if grown := len(with) - len(old); grown > 0 {
		count := strings.Count(s, old)
		if n >= 0 {
			count = min(count, n)
		}
		if count > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
		in.room(len(s) + count*grown)
	}
	return strings.Replace(s, old, with, n)
}

func joinMethod(in *interp, s string, args *callArgs) Value {
	items := in.iterate(args.pos[0])
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = needString(item, "an item to join")
	}
	return in.joinTexts(texts, s)
}

func (in *interp) joinTexts(texts []string, sep string) string {
	n := len(sep) * len(texts)
	for _, t := range texts {
		n += len(t)
		if n > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
	}
	in.room(n)
	return strings.Join(texts, sep)
}

// window is s[start:end] as find, count and startswith take it from arguments
// 1 and 2; ok is false where start is beyond the end. skipped counts the code
// points before it.
func (in *interp) window(s string, args *callArgs) (part string, skipped int, ok bool) {
	in.work(len(s), scanBytes)
	if len(args.pos) < 2 {
		return s, 0, true
	}
	n := utf8.RuneCountInString(s)
	bounds := [3]Value{args.pos[1], args.get(2, "", nil)}
	if bounds[0] != nil && needInt(bounds[0], "a start") > n {
		return "", 0, false
	}
	start, stop, _ := sliceBounds(bounds, n)
	if start > stop {
		return "", 0, false
	}
	return in.sliceString(s, bounds), start, true
}

func affixMethod(has func(s, affix string) bool) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		s, _, ok := in.window(s, args)
		options := []Value{args.pos[0]}
		if l, isList := args.pos[0].(*List); isList && l.Kind == Tuple {
			options = l.Items
		}
		for _, o := range options {
			if has(s, needString(o, "a prefix or suffix")) && ok {
				return true
			}
		}
		return false
	}
}

func cutMethod(cut func(s, affix string) string) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		return cut(s, needString(args.pos[0], "a prefix or suffix"))
	}
}

func findMethod(find func(s, sub string) int, must bool) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		sub := needString(args.pos[0], "what is looked for")
		part, skipped, ok := in.window(s, args)
		i := -1
		if ok {
			i = find(part, sub)
		}
		if i < 0 {
			if must {
				fail("the text to look for does not occur")
			}
			return int64(-1)
		}
		return int64(skipped + utf8.RuneCountInString(part[:i]))
	}
}

func countMethod(in *interp, s string, args *callArgs) Value {
	sub := needString(args.pos[0], "what is counted")
	part, _, ok := in.window(s, args)
	if !ok {
		return int64(0)
	}
	return int64(strings.Count(part, sub))
}

func zeroFill(in *interp, s string, args *callArgs) Value {
	n := needInt(args.pos[0], "a width") - utf8.RuneCountInString(s)
	if n <= 0 {
		return s
	}
	in.room(n + len(s))
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	return sign + strings.Repeat("0", n) + s
}

// justify pads on the left, right or both, as the shares say.
func justify(left, right int) func(*interp, string, *callArgs) Value {
	return func(in *interp, s string, args *callArgs) Value {
		width := needInt(args.pos[0], "a width")
		fill := needString(args.get(1, "", " "), "a fill character")
		if utf8.RuneCountInString(fill) != 1 {
			fail("a fill must be one character")
		}
		return in.pad(s, width, fill, left, right)
	}
}

func (in *interp) pad(s string, width int, fill string, left, right int) string {
	n := width - utf8.RuneCountInString(s)
	if n <= 0 {
		return s
	}
	in.room(len(s) + min(n, MaxOutput+1)*len(fill))
	l := n * left / (left + right)
	if left == right { // Python's rule for an odd rest
		l = n/2 + n&width&1
	}
	return strings.Repeat(fill, l) + s + strings.Repeat(fill, n-l)
}
