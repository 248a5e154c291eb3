package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec is how one value is laid out by % or format.
type spec struct {
	fill      string
	align     byte // < > ^ =, or 0 for the type's own
	plus      bool
	space     bool
	alt, zero bool
	comma     bool
	width     int
	precision int // -1: none
	verb      byte
}

// percent is Python's s % v.
func (in *interp) percent(s string, v Value) string {
	args := []Value{v}
	if t, ok := v.(*List); ok && t.Kind == Tuple {
		args = t.Items
	}
	d, isDict := v.(*Dict)
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if strings.HasPrefix(s, "%") {
			b.WriteByte('%')
			s = s[1:]
			continue
		}
		var arg Value
		if strings.HasPrefix(s, "(") {
			arg, s = in.mapped(s, d)
		} else {
			if len(args) == 0 {
				fail("there are fewer values than fields in a %% format")
			}
			arg, args = args[0], args[1:]
			isDict = false
		}
		var f spec
		f, s = parsePercent(s)
		b.WriteString(in.layout(arg, f))
		if b.Len() > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
	}
	if len(args) > 0 && !isDict {
		fail("there are more values than fields in a %% format")
	}
	return b.String()
}

// mapped reads the (name) of a field.
func (in *interp) mapped(s string, d *Dict) (v Value, rest string) {
	name, rest, ok := strings.Cut(s[1:], ")")
	if !ok || d == nil {
		fail("a %%(name) field needs a mapping")
	}
	v, ok = d.get(name)
	if !ok {
		fail("a %% format has no value for %s", clip(name))
	}
	return v, rest
}

func parsePercent(s string) (f spec, rest string) {
	f = spec{fill: " ", precision: -1}
	n := len(s) - len(strings.TrimLeft(s, "-+ #0"))
	for _, c := range s[:n] {
		switch c {
		case '-':
			f.align = '<'
		case '+':
			f.plus = true
		case ' ':
			f.space = true
		case '#':
			f.alt = true
		case '0':
			f.zero = true
		}
	}
	s = s[n:]
	f.width, s = leadingInt(s)
	if strings.HasPrefix(s, ".") {
		f.precision, s = leadingInt(s[1:])
	}
	if s == "" {
		fail("a %% format ends inside a field")
	}
	f.verb = s[0]
	if !strings.ContainsRune("srdiufFeEgGxXo", rune(f.verb)) {
		fail("a %% format has the unknown field %q", f.verb)
	}
	if f.align == 0 {
		f.align = '>'
	}
	return f, s[1:]
}

func leadingInt(s string) (n int, rest string) {
	for s != "" && isDigit(s[0]) {
		n = n*10 + int(s[0]-'0')
		if n > maxField {
			fail("a field is wider than %d", maxField)
		}
		s = s[1:]
	}
	return n, s
}

// layout prints v as f says.
func (in *interp) layout(v Value, f spec) string {
	in.work(f.width+f.precision+1, charBytes)
	switch f.verb {
	case 's', 'r':
		text := in.str(v)
		if f.verb == 'r' {
			text = in.repr(v)
		}
		if f.precision >= 0 && utf8.RuneCountInString(text) > f.precision {
			text = string([]rune(text)[:f.precision])
		}
		return in.align(text, f, '<')
	case 'd', 'i', 'u', 'x', 'X', 'o', 'b', 'n':
		return in.align(intText(v, f), f, '>')
	case 'f', 'F', 'e', 'E', 'g', 'G', '%':
		return in.align(floatText(v, f), f, '>')
	}
	fail("a format has the unknown type %q", f.verb)
	return ""
}

// align pads text; own is the side its type goes to without an explicit one.
func (in *interp) align(text string, f spec, own byte) string {
	align := f.align
	if align == 0 {
		align = own
	}
	if f.zero && align != '<' && f.verb != 's' && f.verb != 'r' {
		f.fill, align = "0", '='
	}
	switch align {
	case '<':
		return in.pad(text, f.width, f.fill, 0, 1)
	case '^':
		n := f.width - utf8.RuneCountInString(text)
		if n <= 0 {
			return text
		}
		return strings.Repeat(f.fill, n/2) + text + strings.Repeat(f.fill, n-n/2)
	case '=':
		sign := ""
		if strings.ContainsAny(text[:min(1, len(text))], "+- ") && text != "" {
			sign, text = text[:1], text[1:]
		}
		return sign + in.pad(text, f.width-len(sign), f.fill, 1, 0)
	}
	return in.pad(text, f.width, f.fill, 1, 0)
}

func intText(v Value, f spec) string {
	i, ok := asInt(v)
	if x, isFloat := v.(float64); isFloat && (f.verb == 'd' || f.verb == 'i' || f.verb == 'u') && x > -1<<62 && x < 1<<62 {
		i, ok = int64(x), true
	}
	if !ok {
		fail("a number is needed, not %s", typeName(v))
	}
	base, prefix := 10, ""
	switch f.verb {
	case 'x', 'X':
		base, prefix = 16, "0x"
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	}
	text := strconv.FormatInt(i, base)
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	if f.precision > len(text) {
		text = strings.Repeat("0", f.precision-len(text)) + text
	}
	if f.alt {
		text = prefix + text
	}
	if f.verb == 'X' {
		text = strings.ToUpper(text)
	}
	return signed(sign, grouped(text, f), f)
}

func floatText(v Value, f spec) string {
	x, ok := asFloat(v)
	if !ok {
		fail("a number is needed, not %s", typeName(v))
	}
	precision := f.precision
	if precision < 0 {
		precision = 6
	}
	verb, suffix := f.verb, ""
	if verb == '%' {
		x, verb, suffix = x*100, 'f', "%"
	}
	if (verb|0x20) == 'g' && precision == 0 {
		precision = 1
	}
	text := strconv.FormatFloat(x, verb|0x20, precision, 64)
	if verb|0x20 == 'g' {
		text = generalText(x, precision)
	}
	if verb != verb|0x20 {
		text = strings.ToUpper(text)
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	return signed(sign, grouped(text, f)+suffix, f)
}

// generalText is C's %g: at most precision digits, no trailing zeros.
func generalText(x float64, precision int) string {
	e := strconv.FormatFloat(x, 'e', precision-1, 64)
	mark := strings.IndexByte(e, 'e')
	if mark < 0 {
		return e
	}
	exp, _ := strconv.Atoi(e[mark+1:])
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	if exp < -4 || exp >= precision {
		return trim(e[:mark]) + e[mark:]
	}
	return trim(strconv.FormatFloat(x, 'f', precision-1-exp, 64))
}

func signed(sign, text string, f spec) string {
	switch {
	case sign != "":
	case f.plus:
		sign = "+"
	case f.space:
		sign = " "
	}
	return sign + text
}

// grouped puts commas between thousands.
func grouped(text string, f spec) string {
	if !f.comma {
		return text
	}
	whole, rest, dot := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		return whole + "." + rest
	}
	return whole
}

// formatMethod is str.format with positions, names, attributes, items,
// conversions and simple specifications.
func formatMethod(in *interp, s string, args *callArgs) Value {
	var b strings.Builder
	auto := 0
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		if strings.HasPrefix(s[i+1:], s[i:i+1]) {
			b.WriteByte(s[i])
			s = s[i+2:]
			continue
		}
		field, rest, ok := strings.Cut(s[i+1:], "}")
		if !ok || s[i] == '}' || strings.Contains(field, "{") {
			fail("a format has unbalanced or nested braces")
		}
		s = rest
		b.WriteString(in.formatField(field, args, &auto))
		if b.Len() > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
	}
	return in.sized(b.String())
}

func (in *interp) formatField(field string, args *callArgs, auto *int) string {
	in.step()
	path, format, _ := strings.Cut(field, ":")
	path, conv, _ := strings.Cut(path, "!")
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	v := in.formatPath(formatArg(path[:end], args, auto), path[end:])
	switch conv {
	case "s":
		v = in.str(v)
	case "r":
		v = in.repr(v)
	case "":
	default:
		fail("a format has the unknown conversion %q", clip(conv))
	}
	if format == "" {
		return in.str(v)
	}
	return in.layout(v, parseFormat(format, v))
}

func formatArg(name string, args *callArgs, auto *int) Value {
	n := *auto
	if name == "" {
		*auto++
	} else if isDigit(name[0]) {
		n, _ = leadingInt(name)
	} else {
		for _, a := range args.named {
			if a.name == name {
				return a.value
			}
		}
		fail("a format has no value for %s", clip(name))
	}
	if n >= len(args.pos) {
		fail("a format has no value number %d", n)
	}
	return args.pos[n]
}

// formatPath follows .name and [key] behind a field's first name.
func (in *interp) formatPath(v Value, path string) Value {
	for path != "" {
		if path[0] == '.' {
			end := strings.IndexAny(path[1:], ".[") + 1
			if end == 0 {
				end = len(path)
			}
			v, path = in.attr(v, path[1:end]), path[end:]
			continue
		}
		key, rest, ok := strings.Cut(path[1:], "]")
		if !ok {
			fail("a format has an unclosed [")
		}
		var k Value = key
		if i, err := strconv.ParseInt(key, 10, 64); err == nil {
			k = i
		}
		v, path = in.item(v, k), rest
	}
	return v
}

// parseFormat reads [[fill]align][sign][#][0][width][,][.precision][type].
func parseFormat(s string, v Value) spec {
	f := spec{fill: " ", precision: -1}
	_, n := utf8.DecodeRuneInString(s)
	if len(s) > n && strings.IndexByte("<>^=", s[n]) >= 0 {
		f.fill, f.align, s = s[:n], s[n], s[n+1:]
	} else if strings.IndexByte("<>^=", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	take := func(c string) bool {
		ok := strings.HasPrefix(s, c)
		s = strings.TrimPrefix(s, c)
		return ok
	}
	f.plus, f.space = take("+"), take(" ")
	take("-")
	f.alt, f.zero = take("#"), take("0")
	f.zero = f.zero && f.align == 0
	f.width, s = leadingInt(s)
	f.comma = take(",")
	if take(".") {
		f.precision, s = leadingInt(s)
	}
	switch {
	case len(s) > 1:
		fail("a format has the malformed specification %q", clip(s))
	case s != "":
		f.verb = s[0]
	default:
		f.verb = defaultVerb(v, f)
	}
	return f
}

func defaultVerb(v Value, f spec) byte {
	switch v.(type) {
	case int64, bool:
		return 'd'
	case float64:
		if f.precision >= 0 {
			return 'g'
		}
		fail("a float needs a type or a precision in its format")
	}
	return 's'
}
