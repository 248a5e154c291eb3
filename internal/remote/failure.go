package remote

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// A Failure is why there is no answer.
type Failure struct {
	Method string
	Server string // without credentials
	Status int    // of HTTP; 0: there was none
	Tries  int

	kind  kind
	after time.Duration // that the server asks to wait
	err   error
}

// Error names the server, the tries and the last fault.
func (f *Failure) Error() string {
	tries := ""
	if f.Tries > 1 {
		tries = ", the last of " + strconv.Itoa(f.Tries) + " tries"
	}
	return f.Method + " " + f.Server + tries + ": " + f.err.Error()
}

func (f *Failure) Unwrap() error { return f.err }

// Silent reports whether no answer came: the server is down, busy or broken. It
// is false of an answer that was wrong and of a refusal.
func (f *Failure) Silent() bool { return f.kind == silent }

// Final is what is wrong with an answer that another try would not better.
type Final string

func (f Final) Error() string { return string(f) }

// A kind of failure is how often it is worth a try.
type kind int

const (
	silent  kind = iota // no answer came
	wrong               // an answer came that is none
	refused             // the server will not answer this
)

// tries of each kind: a server that answers wrongly may well do so again.
var tries = [...]int{silent: 8, wrong: 5, refused: 1}

// failures are those of one request.
type failures [len(tries)]int

func (f failures) total() int { return f[silent] + f[wrong] + f[refused] }

// again counts a failure and reports whether another try is due.
func (f *failures) again(last *Failure) bool {
	f[last.kind]++
	last.Tries = f.total()
	return f[last.kind] < tries[last.kind]
}

// Waits between tries, and how long a server may ask to wait.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
	longestAsk  = 2 * time.Minute
)

// backoff is the wait behind failure n, from 1 on: doubled each time up to the
// longest, and between half and all of that by chance, so that requests which
// failed together do not come back together.
func backoff(first time.Duration, n int) time.Duration {
	wait := min(first<<min(n-1, 16), longestWait)
	return wait/2 + rand.N(wait/2)
}

// retryAfter is how long a server asks to wait, in seconds or until a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		wait = time.Duration(min(seconds, longestAsk.Seconds()) * float64(time.Second))
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), longestAsk)
}
