package jinja

// A test is the right side of `is`; arg is its argument, if it takes one.
type test struct {
	args int
	fn   func(in *interp, v, arg Value) bool
}

// tests are filled in by init, as some refer to the table itself.
var tests map[string]test

func init() {
	is := func(fn func(v Value) bool) test {
		return test{0, func(_ *interp, v, _ Value) bool { return fn(v) }}
	}
	compare := func(op string) test {
		return test{1, func(in *interp, v, arg Value) bool { return in.compare(op, v, arg) }}
	}
	tests = map[string]test{
		"defined":     is(func(v Value) bool { return !isUndefined(v) }),
		"undefined":   is(isUndefined),
		"none":        is(func(v Value) bool { return v == nil }),
		"true":        is(func(v Value) bool { return v == true }),
		"false":       is(func(v Value) bool { return v == false }),
		"boolean":     is(func(v Value) bool { _, ok := v.(bool); return ok }),
		"integer":     is(func(v Value) bool { _, ok := v.(int64); return ok }),
		"float":       is(func(v Value) bool { _, ok := v.(float64); return ok }),
		"number":      is(func(v Value) bool { _, ok := asFloat(v); return ok }),
		"string":      is(func(v Value) bool { _, ok := v.(string); return ok }),
		"mapping":     is(func(v Value) bool { _, ok := v.(*Dict); return ok }),
		"iterable":    is(isIterable),
		"sequence":    is(isSequence),
		"callable":    is(func(v Value) bool { _, ok := v.(*Func); return ok || isUndefined(v) }),
		"escaped":     is(func(Value) bool { return false }),
		"lower":       caseTest("islower"),
		"upper":       caseTest("isupper"),
		"odd":         {0, func(in *interp, v, _ Value) bool { return in.remainder(v, int64(2)) == 1 }},
		"even":        {0, func(in *interp, v, _ Value) bool { return in.remainder(v, int64(2)) == 0 }},
		"divisibleby": {1, func(in *interp, v, arg Value) bool { return in.remainder(v, arg) == 0 }},
		"sameas":      {1, sameAs},
		"in":          {1, func(in *interp, v, arg Value) bool { return in.contains(arg, v) }},
		"filter":      {0, func(_ *interp, v, _ Value) bool { _, ok := filters[needString(v, "a filter's name")]; return ok }},
		"test":        {0, func(_ *interp, v, _ Value) bool { _, ok := tests[needString(v, "a test's name")]; return ok }},
		"eq":          compare("=="), "equalto": compare("=="), "==": compare("=="),
		"ne": compare("!="), "!=": compare("!="),
		"lt": compare("<"), "lessthan": compare("<"), "<": compare("<"),
		"gt": compare(">"), "greaterthan": compare(">"), ">": compare(">"),
		"le": compare("<="), "<=": compare("<="),
		"ge": compare(">="), ">=": compare(">="),
	}
}

func isUndefined(v Value) bool { _, ok := v.(*Undefined); return ok }

func isIterable(v Value) bool {
	switch v.(type) {
	case string, *List, *Dict, *Undefined, *loop:
		return true
	}
	return false
}

func isSequence(v Value) bool {
	switch v := v.(type) {
	case string, *Dict, *Undefined:
		return true
	case *List:
		return v.indexable()
	}
	return false
}

func caseTest(method string) test {
	return test{0, func(in *interp, v, _ Value) bool {
		return stringMethods[method].fn(in, in.str(v), nil) == true
	}}
}

func (in *interp) remainder(v, by Value) int64 {
	switch r := in.binary("%", v, by).(type) {
	case int64:
		return r
	case float64:
		if r == 0 || r == 1 {
			return int64(r)
		}
		return -1
	}
	fail("a number is needed")
	return 0
}

// sameAs is Python's `is`: exact for None, bools and objects; for the rest,
// which Python may or may not share, equality within a type.
func sameAs(in *interp, v, arg Value) bool {
	switch v.(type) {
	case int64, float64, string:
		return typeName(v) == typeName(arg) && v == arg
	}
	return v == arg
}
