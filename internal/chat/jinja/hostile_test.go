package jinja_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"radpo/internal/chat/jinja"
)

// hostile templates try to reach the machine, to run for ever or to fill the
// memory. Each must fail, and fast.
var hostile = map[string]string{
	"include":           `{% include "/etc/passwd" %}`,
	"import":            `{% import "os" as os %}{{ os.system("id") }}`,
	"from import":       `{% from "os" import system %}`,
	"extends":           `{% extends "/etc/passwd" %}`,
	"block":             `{% block a %}{% endblock %}`,
	"class walk":        `{{ ''.__class__.__mro__[1].__subclasses__() }}`,
	"class item walk":   `{{ ''['__class__']['__mro__'] }}`,
	"attr filter walk":  `{{ (''|attr('__class__'))|attr('__mro__')|list + 1 }}`,
	"class":             `{{ messages.__class__ }}`,
	"class item":        `{{ ''['__class__'] }}`,
	"class attr":        `{{ ''|attr('__class__') }}`,
	"class map":         `{{ ['']|map(attribute='__class__')|list }}`,
	"globals":           `{{ raise_exception.__globals__['os'].popen('id').read() }}`,
	"function code":     `{{ range.__code__.co_consts }}`,
	"macro globals":     `{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}`,
	"self":              `{{ self._TemplateReference__context.environment }}`,
	"cycler globals":    `{{ cycler.__init__.__globals__.os.popen('id') }}`,
	"lipsum":            `{{ lipsum.__globals__["os"].popen("id").read() }}`,
	"format attribute":  `{{ '{0.__class__.__mro__}'.format('x') }}`,
	"format item":       `{{ '{0[__class__].x}'.format('x') }}`,
	"list append":       `{% set l = [] %}{{ l.append(l) }}`,
	"dict update":       `{% set d = {} %}{{ d.update({'a': d}) }}`,
	"endless range":     `{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}`,
	"quiet loops":       `{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}`,
	"huge range":        `{{ range(10 ** 12)|list }}`,
	"range bounds":      `{{ range(-9000000000000000000, 9000000000000000000)|length }}`,
	"string repeat":     `{{ 'a' * 1000000000 }}`,
	"string doubling":   `{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`,
	"list repeat":       `{{ ([1] * 1000000000)|length }}`,
	"list doubling":     `{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}`,
	"nest doubling":     `{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}`,
	"nest equality":     `{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(64) %}{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}{{ a.l == b.l }}`,
	"nest key":          `{% set ns = namespace(l=(1,)) %}{% for i in range(64) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}`,
	"nest lookup":       `{% set ns = namespace(l=(1,)) %}{% for i in range(64) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {'a': 1}[ns.l] }}`,
	"nest json":         `{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}`,
	"replace blow-up":   `{{ ('a' * 4000000)|replace('a', 'b' * 4000000) }}`,
	"replace chain":     `{% set ns = namespace(s='a' * 100) %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', 'aaaaaaaaaa') %}{% endfor %}`,
	"join blow-up":      `{{ range(100000)|join('x' * 100000) }}`,
	"pad":               `{{ 'a'.center(10 ** 12) }}`,
	"format width":      `{{ '%1000000000d' % 1 }}`,
	"format precision":  `{{ '{:.999999999f}'.format(1.5) }}`,
	"json indent":       `{{ [[[[1]]]]|tojson(indent=999999999) }}`,
	"indent width":      `{{ 'a\nb'|indent(99999999999) }}`,
	"power":             `{{ 9 ** 9 ** 9 ** 9 }}`,
	"macro recursion":   `{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}`,
	"macro doubling":    `{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(90) }}`,
	"caller recursion":  `{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}`,
	"self in namespace": `{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}`,
	"self in json":      `{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns.me|tojson }}`,
	"output":            `{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}`,
	"quiet strings":     `{% for i in range(100000) %}{% set s = 'x' * 1000000 %}{% endfor %}`,
	"quiet searches":    `{% set s = 'x' * 1000000 %}{% for i in range(100000) %}{% set t = 'y' in s %}{% endfor %}`,
	"quiet upper":       `{% set s = 'x' * 1000000 %}{% for i in range(100000) %}{% set t = s|upper|lower|title %}{% endfor %}`,
	"quiet splits":      `{% set s = 'x ' * 1000000 %}{% for i in range(100000) %}{% set t = s.split() %}{% endfor %}`,
	"quiet sorts":       `{% for i in range(1000) %}{% set t = range(100000)|sort(reverse=true)|unique|list %}{% endfor %}`,
	"quiet slices":      `{% set s = 'x' * 1000000 %}{% for i in range(100000) %}{% set t = s[::-1] ~ s[i] %}{% endfor %}`,
	"quiet clock":       `{% set f = '%A' * 400000 %}{% for i in range(1000) %}{% set t = strftime_now(f) %}{% endfor %}`,
	"quiet formats":     `{% for i in range(100000) %}{% set t = '%9999d%9999d%9999d' % (1, 2, 3) %}{% endfor %}`,
	"map map":           `{{ 'abc'|map(` + strings.Repeat("'map',", 40000) + `'upper')|list }}`,
	"string pieces":     `{{ ` + strings.Repeat("'a'", 80000) + ` + 1 }}`,
	"batch":             `{{ [1]|batch(1000000000, 0)|list }}`,
	"while":             `{% while true %}{% endwhile %}`,
	"parentheses":       `{{ ` + strings.Repeat("(", 20000) + `1`,
	"brackets":          `{{ ` + strings.Repeat("[", 20000),
	"negations":         `{{ ` + strings.Repeat("not ", 20000) + `1 }}`,
	"minus signs":       `{{ ` + strings.Repeat("-", 20000) + `1 }}`,
	"sum chain":         `{{ 1` + strings.Repeat(" + 1", 20000) + ` }}`,
	"filter chain":      `{{ 1` + strings.Repeat("|string", 20000) + ` }}`,
	"attribute chain":   `{{ a` + strings.Repeat(".a", 20000) + ` }}`,
	"conditionals":      `{{ ` + strings.Repeat("1 if 0 else ", 20000) + `1 }}`,
	"nested blocks":     strings.Repeat("{% if 1 %}", 20000),
	"nested targets":    `{% for ` + strings.Repeat("(", 20000) + `a in b %}`,
	"large source":      strings.Repeat("x", jinja.MaxSource+1),
}

// refusal is the time within which a hostile template must fail.
const refusal = slowdown * 100 * time.Millisecond

func TestHostileTemplatesAreRefused(t *testing.T) {
	if len(hostile) < 40 {
		t.Fatalf("got %d hostile templates, want at least 40", len(hostile))
	}
	for name, source := range hostile {
		t.Run(name, func(t *testing.T) {
			best := time.Hour // of some tries: the machine may be busy
			for try := 0; try < 5 && best > refusal; try++ {
				start := threadTime(t)
				text, err := render(source)
				best = min(best, threadTime(t)-start)
				if err == nil {
					t.Fatalf("got text %.60q, want an error", text)
				}
			}
			if best > refusal {
				t.Errorf("got refused after %v, want at most %v", best, refusal)
			}
		})
	}
}

// threadTime is what this thread has run so far: unlike a clock, it does not
// count other programs. It locks the goroutine to the thread.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func render(source string) (string, error) {
	tmpl, err := jinja.Parse(source)
	if err != nil {
		return "", err
	}
	return tmpl.Render(nil, time.Time{})
}

func TestErrorsNameTheLine(t *testing.T) {
	for source, want := range map[string]string{
		"a\nb\n{{ 1 + 'x' }}":                               "template line 3: cannot compute int + str",
		"{% if x %}\n\n{{ x":                                "template line 3: a tag is not closed: add }}",
		"\n{% include 'x' %}":                               "template line 2: unknown tag 'include': a chat template may use if, for, set, macro, call, filter, with, raw, generation, break and continue",
		"{{ raise_exception('no system') }}":                "template line 1: no system",
		"{% for m in messages %}\n{{ m.a.b }}":              "template line 2: the template ends inside a block: add {% endfor %}",
		"{% macro m() %}\n{{ x.y }}{% endmacro %}{{ m() }}": "template line 2: 'x' is undefined",
	} {
		_, err := render(source)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}
