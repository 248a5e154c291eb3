package sampler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// errFewer is of a server that gives fewer responses than it was asked for.
var errFewer = errors.New("has fewer responses than were asked for")

// responses are those of an order, in their numbers' order, or what is wrong
// with the answers: another number of them, one twice, ids that the tokenizer
// does not have or that are not their text.
func (f *fleet) responses(o order, list []answer) ([]Response, error) {
	if len(list) < o.n {
		return nil, fmt.Errorf("%w: %d of %d", errFewer, len(list), o.n)
	}
	if len(list) > o.n {
		return nil, fmt.Errorf("has %d responses, %d were asked for", len(list), o.n)
	}
	out := make([]Response, o.n)
	for _, a := range list {
		if a.index < 0 || a.index >= o.n || out[a.index].IDs != nil {
			return nil, fmt.Errorf("has the wrong response %d, or has it twice", a.index)
		}
		r, err := f.response(o, a)
		if err != nil {
			return nil, fmt.Errorf("is wrong in response %d: %w", a.index, err)
		}
		out[a.index] = r
	}
	return out, nil
}

func (f *fleet) response(o order, a answer) (Response, error) {
	stopped := a.finish == "stop"
	switch {
	case !stopped && a.finish != "length":
		return Response{}, fmt.Errorf("it ended by %q, neither stop nor length", a.finish)
	case a.prompt != nil && !slices.Equal(a.prompt, o.prompt):
		return Response{}, errors.New("it is to another prompt")
	case f.protocol.textOnly:
		return f.retokenised(o, a, stopped)
	case len(a.ids) == 0:
		return Response{}, errors.New("it has no token ids")
	case len(a.ids) > o.maxTokens:
		return Response{}, fmt.Errorf("it has %d tokens, more than the %d that were asked for", len(a.ids), o.maxTokens)
	}
	if err := f.fit(a); err != nil {
		return Response{}, err
	}
	r := Response{IDs: a.ids, Logprobs: a.logprobs}
	if r.Logprobs == nil || f.mute {
		r.Logprobs = unknown(len(r.IDs))
	}
	if at := slices.IndexFunc(r.IDs, f.ends); at >= 0 {
		return Response{IDs: r.IDs[:at+1], Logprobs: r.Logprobs[:at+1], Stopped: true}, nil
	}
	if r.Stopped = stopped; stopped && !f.saysStop(r.IDs) {
		r.IDs, r.Logprobs = append(r.IDs, f.stopID(a.stop)), append(r.Logprobs, unknown(1)...)
	}
	return r, nil
}

// saysStop says whether a response has a stop string.
func (f *fleet) saysStop(ids []int32) bool {
	_, stop := first(f.tokens.Decode(ids, true), f.config.StopStrings)
	return stop != ""
}

// fit holds the ids of a response to the tokenizer and to its text, and its
// log-probabilities to the ids.
func (f *fleet) fit(a answer) error {
	for _, id := range a.ids {
		if id < 0 || int(id) >= f.tokens.Size() {
			return fmt.Errorf("id %d is none of the policy's tokenizer: does the server serve this model?", id)
		}
	}
	own := f.tokens.Decode(a.ids, true)
	end, _ := first(own, f.config.StopStrings)
	if said := letters(a.text); letters(own[:end]) != said && letters(own) != said && letters(f.tokens.Decode(a.ids, false)) != said {
		return fmt.Errorf("its ids are %.100q by the policy's tokenizer, but its text is another: does the server serve this model?", own)
	}
	if a.logprobs == nil {
		return nil
	}
	if len(a.logprobs) != len(a.ids) {
		return fmt.Errorf("it has %d log-probabilities of %d ids", len(a.logprobs), len(a.ids))
	}
	for i, x := range a.logprobs {
		if x > slack || math.IsInf(float64(x), 0) {
			return fmt.Errorf("its log-probability %v of token %d is none", x, i)
		}
		a.logprobs[i] = min(x, 0)
	}
	return nil
}

// slack is how far rounding may take a log-probability above zero.
const slack = 1e-3

// letters is a text without what detokenisers treat differently: space, and
// characters that are cut at the end.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
}

// retokenised makes ids of a text, with the stop id behind it.
func (f *fleet) retokenised(o order, a answer, stopped bool) (Response, error) {
	if a.text == "" {
		return Response{}, errors.New("it is empty")
	}
	ids := f.tokens.AppendIDs(nil, a.text, false)
	ids = ids[:min(len(ids), o.maxTokens)]
	if stopped {
		ids = append(ids, f.stopID(-1))
	}
	return Response{IDs: ids, Logprobs: unknown(len(ids)), Stopped: stopped}, nil
}

// stopID is the id that ended a response whose server leaves it out: the one
// that it names, else the template's end of turn, which stands last.
func (f *fleet) stopID(named int) int32 {
	if slices.Contains(f.stop, named) {
		return int32(named)
	}
	return int32(f.stop[len(f.stop)-1])
}

func (f *fleet) ends(id int32) bool { return slices.Contains(f.stop, int(id)) }

// unknown are log-probabilities that a server does not tell.
func unknown(n int) []float32 {
	return slices.Repeat([]float32{float32(math.NaN())}, n)
}
