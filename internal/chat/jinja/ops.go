package jinja

import (
	"math"
	"math/bits"
	"strings"
)

// binary applies an arithmetic operator with Python's rules.
func (in *interp) binary(op string, a, b Value) Value {
	if s, ok := a.(string); ok && op == "%" {
		return in.sized(in.percent(s, b))
	}
	for _, v := range []Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
	}
	i, ok1 := asInt(a)
	j, ok2 := asInt(b)
	if ok1 && ok2 {
		return intOp(op, i, j)
	}
	x, ok3 := asFloat(a)
	y, ok4 := asFloat(b)
	if ok3 && ok4 {
		return floatOp(op, x, y)
	}
	switch {
	case op == "+":
		if v, ok := in.join(a, b); ok {
			return v
		}
	case op == "*" && ok2:
		if v, ok := in.repeat(a, j); ok {
			return v
		}
	case op == "*" && ok1:
		if v, ok := in.repeat(b, i); ok {
			return v
		}
	}
	fail("cannot compute %s %s %s", typeName(a), op, typeName(b))
	return nil
}

func (in *interp) join(a, b Value) (Value, bool) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			in.room(len(x) + len(y))
			return x + y, true
		}
	case *List:
		y, ok := b.(*List)
		if ok && x.Kind == y.Kind && x.Kind <= Tuple {
			in.work(len(x.Items)+len(y.Items), copyItems)
			items := make([]Value, 0, len(x.Items)+len(y.Items))
			return &List{Items: append(append(items, x.Items...), y.Items...), Kind: x.Kind}, true
		}
	}
	return nil, false
}

func (in *interp) repeat(v Value, n int64) (Value, bool) {
	n = max(n, 0)
	switch v := v.(type) {
	case string:
		if v == "" {
			return v, true
		}
		if n > MaxOutput {
			fail("a text exceeds %d bytes", MaxOutput)
		}
		in.room(len(v) * int(n))
		return strings.Repeat(v, int(n)), true
	case *List:
		if v.Kind > Tuple {
			return nil, false
		}
		if n > MaxOps*copyItems {
			fail("a list is too long")
		}
		in.work(len(v.Items)*int(n), copyItems)
		out := &List{Kind: v.Kind}
		for range n {
			out.Items = append(out.Items, v.Items...)
		}
		return out, true
	}
	return nil, false
}

func intOp(op string, a, b int64) Value {
	switch op {
	case "+":
		if s := a + b; (s > a) == (b > 0) {
			return s
		}
	case "-":
		if d := a - b; (d < a) == (b > 0) {
			return d
		}
	case "*":
		return multiply(a, b)
	case "/":
		return floatOp(op, float64(a), float64(b))
	case "//", "%":
		return divide(op, a, b)
	case "**":
		return power(a, b)
	}
	fail("%d %s %d exceeds 64 bits", a, op, b)
	return nil
}

func multiply(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	p := a * b
	if p/b != a || a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
		fail("%d * %d exceeds 64 bits", a, b)
	}
	return p
}

// divide rounds towards minus infinity; the remainder has the sign of b.
func divide(op string, a, b int64) int64 {
	if b == 0 {
		fail("division by zero")
	}
	if b == -1 {
		if op == "%" {
			return 0
		}
		return multiply(a, -1)
	}
	q, r := a/b, a%b
	if r != 0 && (r < 0) != (b < 0) {
		q--
		r += b
	}
	if op == "//" {
		return q
	}
	return r
}

func power(a, b int64) Value {
	if b < 0 {
		return floatOp("**", float64(a), float64(b))
	}
	if size := bits.Len64(uint64(max(a, -a))); size > 1 && b > 64 {
		fail("%d ** %d exceeds 64 bits", a, b)
	}
	if b > 64 { // 0, 1 and -1
		b = 64 + b%2
	}
	p := int64(1)
	for range b {
		p = multiply(p, a)
	}
	return p
}

func floatOp(op string, a, b float64) Value {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		fail("division by zero")
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		return math.Floor(a / b)
	case "%":
		r := math.Mod(a, b)
		if r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r
	}
	p := math.Pow(a, b)
	if math.IsNaN(p) || a == 0 && b < 0 || math.IsInf(p, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		fail("%v ** %v has no value", a, b)
	}
	return p
}

func (in *interp) compare(op string, a, b Value) bool {
	switch op {
	case "==":
		return in.equal(a, b)
	case "!=":
		return !in.equal(a, b)
	case "in":
		return in.contains(b, a)
	case "not in":
		return !in.contains(b, a)
	}
	c := in.order(a, b)
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0 && c != unordered
	}
	return c >= 0 && c != unordered
}

func (in *interp) equal(a, b Value) bool {
	in.step()
	if x, ok := asFloat(a); ok {
		y, ok := asFloat(b)
		if i, isInt := asInt(a); isInt && ok {
			if j, isInt := asInt(b); isInt {
				return i == j
			}
		}
		return ok && x == y
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		if ok && len(x) == len(y) {
			in.work(len(x), scanBytes)
		}
		return ok && x == y
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok
	case *List:
		y, ok := b.(*List)
		return ok && in.equalLists(x, y)
	case *Dict:
		y, ok := b.(*Dict)
		return ok && in.equalDicts(x, y)
	}
	return a == b
}

func (in *interp) equalLists(x, y *List) bool {
	if x == y {
		return true
	}
	if x.Kind != y.Kind || !x.indexable() || len(x.Items) != len(y.Items) {
		return false
	}
	for i := range x.Items {
		if !in.equal(x.Items[i], y.Items[i]) {
			return false
		}
	}
	return true
}

func (in *interp) equalDicts(x, y *Dict) bool {
	if x.Len() != y.Len() {
		return false
	}
	for i, k := range x.keys {
		if v, ok := y.get(k); !ok || !in.equal(x.vals[i], v) {
			return false
		}
	}
	return true
}

// unordered is what order returns for NaN: every comparison with it fails.
const unordered = 2

// order returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (in *interp) order(a, b Value) int {
	in.step()
	for _, v := range []Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
	}
	if x, ok := asFloat(a); ok {
		if y, ok := asFloat(b); ok {
			return orderNumbers(a, b, x, y)
		}
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			in.work(min(len(x), len(y)), scanBytes)
			return strings.Compare(x, y) // UTF-8 sorts as code points do
		}
	case *List:
		if y, ok := b.(*List); ok && x.Kind == y.Kind && x.Kind <= Tuple {
			for i := range min(len(x.Items), len(y.Items)) {
				if !in.equal(x.Items[i], y.Items[i]) {
					return in.order(x.Items[i], y.Items[i])
				}
			}
			return orderNumbers(nil, nil, float64(len(x.Items)), float64(len(y.Items)))
		}
	}
	fail("cannot compare %s with %s", typeName(a), typeName(b))
	return 0
}

func orderNumbers(a, b Value, x, y float64) int {
	if i, ok := asInt(a); ok {
		if j, ok := asInt(b); ok {
			switch {
			case i < j:
				return -1
			case i > j:
				return 1
			}
			return 0
		}
	}
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	}
	return unordered
}

// contains is Python's `v in box`.
func (in *interp) contains(box, v Value) bool {
	switch box := box.(type) {
	case string:
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		in.work(len(box), scanBytes)
		return strings.Contains(box, needString(v, "what is looked for in a string"))
	case *Dict:
		in.key(v)
		_, ok := box.get(v)
		return ok
	}
	items, ok := in.tryIterate(box)
	if !ok {
		fail("cannot look for a value in %s", typeName(box))
	}
	for _, item := range items {
		if in.equal(item, v) {
			return true
		}
	}
	return false
}
