package ranker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/remote"
)

// hopeless is how many questions in a row a judge leaves unanswered before it is
// asked no more.
const hopeless = 5

// lapses are the questions that a judge was asked and did not answer.
type lapses struct {
	mu    sync.Mutex
	n     int
	row   int // of them, since its last answer
	first error
	down  bool // one of them had no answer of any kind
	over  bool // it is asked no more
}

// askAll calls ask with 0 … n−1 through a judge's client. What is not answered
// keeps nothing else from being asked, and is an error in the end: what was
// answered is kept, so that asking all once more asks for the rest. With
// ranker.non_finite drop it is a warning, as long as the judge did react: by a
// refusal or by an answer that is none.
func askAll(ctx context.Context, client *remote.Client, c configs.Ranker, n int, ask func(ctx context.Context, i int) error) error {
	var a lapses
	err := client.Each(ctx, n, func(ctx context.Context, i int) error {
		if a.ended() {
			return nil
		}
		err := ask(ctx, i)
		if of := (*remote.Failure)(nil); err != nil && !errors.As(err, &of) {
			return err
		}
		a.took(err)
		return nil
	})
	switch {
	case err != nil || a.n == 0:
		return err
	case c.NonFinite == "drop" && !a.over && !a.down:
		zerolog.Ctx(ctx).Warn().Msgf("%d of %d questions have no answer of %s and count as without a verdict, such as %v", a.n, n, c.Remote.Model, a.first)
		return nil
	case a.over:
		return fmt.Errorf("%s, %w; after %d questions without an answer it is asked no more: its answers before are kept, and the same command asks for the rest", c.Remote.Model, a.first, a.n)
	}
	return fmt.Errorf("%s, %w; it left %d of %d questions without an answer: the others' are kept, and the same command asks for these alone; "+
		"--set ranker.non_finite=drop counts those that it refuses as without a verdict", c.Remote.Model, a.first, a.n, n)
}

func (a *lapses) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// took counts a question; nil: it was answered.
func (a *lapses) took(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := (*remote.Failure)(nil)
	if !errors.As(err, &of) {
		a.row = 0
		return
	}
	if a.first == nil {
		a.first = err
	}
	a.n++
	a.row++
	a.down = a.down || of.Silent()
	switch of.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		a.over = true // all others would end alike
	}
	a.over = a.over || a.row == hopeless
}
