package torch

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// calls reaches torch's thread: one for the life of the process. libtorch's
// gradient mode and errors, OpenMP's team of workers and the allocator's
// memory belong to a thread; on a new one each time a run of many stages took
// six times the memory.
var calls = sync.OnceValue(func() chan func() {
	c := make(chan func())
	go serve(c)
	return c
})

// serve makes its goroutine's thread torch's own. A call that ends the
// goroutine, as testing's FailNow does, ends the thread with it: another takes
// over.
func serve(calls chan func()) {
	runtime.LockOSThread()
	defer func() { go serve(calls) }()
	for f := range calls {
		f()
	}
}

// onThread calls f on torch's thread and waits. What f panics with, the caller
// panics with; where f ends its goroutine, the caller's ends.
func onThread(f func()) {
	type outcome struct {
		returned bool
		panicked any
	}
	done := make(chan outcome)
	calls() <- func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.panicked = fmt.Sprintf("%v\n\non torch's thread:\n%s", p, debug.Stack())
			}
			done <- o
		}()
		f()
		o.returned = true
	}
	switch o := <-done; {
	case o.panicked != nil:
		panic(o.panicked)
	case !o.returned:
		runtime.Goexit()
	}
}
