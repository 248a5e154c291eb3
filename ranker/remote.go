package ranker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/remote"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A scorer asks a server of a reward model for scores, a request a prompt.
type scorer struct {
	client   *remote.Client
	protocol protocol
	model    string
	form     form
}

// openScorer reads the chat template of f, which is nil for other forms.
func openScorer(c configs.Remote, f *hf.Folder) (Ranker, error) {
	p, ok := protocols[c.Protocol]
	if !ok {
		return nil, fmt.Errorf("ranker.remote.protocol %q is not known", c.Protocol)
	}
	client, err := dial(c, p.path)
	if err != nil {
		return nil, err
	}
	s := &scorer{client: client, protocol: p, model: c.Model}
	switch {
	case c.Form == "messages":
		s.form = asMessages
	case c.Form == "plain" && (c.Protocol == "vllm-score" || c.Protocol == "tei"):
		s.form = asPairs
	case c.Form == "plain":
		s.form = asPlain
	default:
		template, err := chat.Load(f.FS())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		s.form = rendered(template, p.adds)
	}
	return s, nil
}

// CheckAsks reports what would keep a ranker that asks from doing so, such as
// a key that is not set. Nothing is sent.
func CheckAsks(c configs.Ranker) error {
	if c.Kind == "judge" {
		_, err := openJudge(c)
		return err
	}
	_, err := dial(c.Remote, protocols[c.Remote.Protocol].path)
	return err
}

// firstWait is before a second try; 0: as the client has it. Tests are in a
// hurry.
var firstWait time.Duration

// dial makes the client of a configuration; nothing is sent yet.
func dial(c configs.Remote, path string) (*remote.Client, error) {
	client, err := remote.New(remote.Options{
		URLs: c.URLs, Path: path, KeyEnv: c.KeyEnv, Concurrency: c.Concurrency,
		Timeout: time.Duration(c.Timeout) * time.Second, Wait: firstWait, Cache: c.Cache,
		Named: path == chatPath,
	})
	if err != nil {
		return nil, fmt.Errorf("ranker.remote: %w", err)
	}
	return client, nil
}

func (s *scorer) Names() []string { return nil }

// Rank implements Ranker.
func (s *scorer) Rank(ctx context.Context, _ *torch.Scope, requests []Request) ([][]Rating, error) {
	requests, err := checked(requests)
	if err != nil {
		return nil, err
	}
	var queries []query
	var of []int       // the request of each query
	which := [][]int{} // of each response of a request: its place among the different ones
	for i, q := range requests {
		different, places := distinct(q.Responses)
		which = append(which, places)
		own, err := s.form(q.Messages, different)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		for _, query := range own {
			query.model = s.model
			queries, of = append(queries, query), append(of, i)
		}
	}
	scores := make([][]float64, len(queries))
	err = s.client.Each(ctx, len(queries), func(ctx context.Context, i int) (err error) {
		scores[i], err = s.protocol.read(ctx, s.client, s.protocol.body(queries[i]), len(queries[i].responses))
		if err != nil {
			err = fmt.Errorf("%s: %w", requests[of[i]].Name, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([][]float64, len(requests))
	for i, list := range scores {
		all[of[i]] = append(all[of[i]], list...)
	}
	return handOut(all, which), nil
}

// handOut gives each response the score of its text.
func handOut(scores [][]float64, which [][]int) [][]Rating {
	out := make([][]Rating, len(which))
	for i, places := range which {
		for _, k := range places {
			out[i] = append(out[i], Rating{Score: scores[i][k]})
		}
	}
	return out
}

// distinct is responses without repetitions, and of each response which of
// these it is: equal ones are asked of once and so rated alike.
func distinct(responses []string) (different []string, which []int) {
	for _, text := range responses {
		at := slices.Index(different, text)
		if at < 0 {
			at = len(different)
			different = append(different, text)
		}
		which = append(which, at)
	}
	return different, which
}

// A form makes queries of a prompt and its responses: one for all, or one each
// in their order.
type form func(prompt []table.Message, responses []string) ([]query, error)

// rendered has conversations as text by the reward model's template. Special
// tokens that a message spells are parsed by the server, and what its window
// does not hold is its affair.
func rendered(t *chat.Template, adds bool) form {
	return func(prompt []table.Message, responses []string) ([]query, error) {
		before, err := t.Text(prompt, true, adds)
		if err != nil {
			return nil, err
		}
		q := query{responses: responses}
		for _, text := range responses {
			whole, err := t.Text(answered(prompt, text), false, adds)
			if err != nil {
				return nil, err
			}
			q.texts, q.prompts = append(q.texts, whole), append(q.prompts, before)
		}
		return []query{q}, nil
	}
}

// asMessages leaves rendering to the server, which takes one conversation at a
// time.
func asMessages(prompt []table.Message, responses []string) ([]query, error) {
	var out []query
	for _, text := range responses {
		out = append(out, query{responses: []string{text}, messages: turns(answered(prompt, text))})
	}
	return out, nil
}

// asPairs has prompt and response apart and without a template, as
// cross-encoders take them.
func asPairs(prompt []table.Message, responses []string) ([]query, error) {
	return []query{{prompts: slices.Repeat([]string{transcript(prompt)}, len(responses)), responses: responses}}, nil
}

// asPlain has the response behind the prompt, on a line of its own.
func asPlain(prompt []table.Message, responses []string) ([]query, error) {
	queries, err := asPairs(prompt, responses)
	q := &queries[0]
	for i, text := range responses {
		q.texts = append(q.texts, q.prompts[i]+"\n"+text)
	}
	return queries, err
}

func answered(prompt []table.Message, response string) []table.Message {
	return append(slices.Clone(prompt), table.Message{Role: "assistant", Content: response})
}

// A turn is a message as servers take it.
type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func turns(messages []table.Message) []turn {
	out := make([]turn, len(messages))
	for i, m := range messages {
		out[i] = turn(m)
	}
	return out
}

// transcript is a prompt as text without a template: a single turn as it
// stands, several with who spoke.
func transcript(messages []table.Message) string {
	if len(messages) == 1 {
		return messages[0].Content
	}
	var spoken []string
	for _, m := range messages {
		spoken = append(spoken, m.Role+": "+m.Content)
	}
	return strings.Join(spoken, "\n\n")
}
