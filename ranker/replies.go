package ranker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"radpo/configs"
	"radpo/internal/remote"
	"radpo/internal/table"
)

// A Talk is a conversation that a judge is to continue.
type Talk struct {
	Name     string // for errors
	Messages []table.Message
}

// Replies has the judge of a configuration continue talks in its own words, and
// returns what it said, in order. Equal talks, such as those about two equal
// answers in either order, are one. Done is called after each. A talk that the
// judge does not answer is an error, and with ranker.non_finite drop an empty
// reply: see [askAll].
func Replies(ctx context.Context, c configs.Ranker, talks []Talk, done func()) ([]string, error) {
	client, err := dial(c.Remote, chatPath)
	if err != nil {
		return nil, err
	}
	first := map[string]int{}
	like := make([]int, len(talks)) // the first that is equal
	var different []int
	for i, t := range talks {
		key := fmt.Sprintf("%q", t.Messages)
		if _, ok := first[key]; !ok {
			first[key], different = i, append(different, i)
		}
		like[i] = first[key]
	}
	out := make([]string, len(talks))
	err = askAll(ctx, client, c, len(different), func(ctx context.Context, k int) (err error) {
		i := different[k]
		if out[i], err = talks[i].ask(ctx, client, c); err != nil {
			return fmt.Errorf("%s: %w", talks[i].Name, err)
		}
		done()
		return nil
	})
	for i, k := range like {
		if out[i] = out[k]; i != k {
			done()
		}
	}
	return out, err
}

func (t Talk) ask(ctx context.Context, client *remote.Client, c configs.Ranker) (string, error) {
	a, err := remote.Post(ctx, client, chatRequest{
		Model: c.Remote.Model, Messages: turns(t.Messages), Temperature: c.Judge.Temperature, MaxTokens: c.Judge.MaxTokens,
	}, said)
	if err != nil {
		return "", err
	}
	return a.Choices[0].Message.Content, nil
}

// said reports what an answer in words lacks.
func said(a chatAnswer) error {
	if len(a.Choices) == 0 {
		return errors.New("has no choices")
	}
	c := a.Choices[0]
	switch {
	case strings.TrimSpace(c.Message.Content) != "":
		return nil
	case c.Message.Refusal != "" || c.Finish == "content_filter":
		return remote.Final("is a refusal")
	case c.Finish == "length":
		return remote.Final("has no content: ranker.judge.max_tokens was used up before")
	}
	return errors.New("has no content")
}
