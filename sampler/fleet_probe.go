package sampler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"radpo/internal/remote"
	"radpo/internal/table"
)

// A probed server is what was found out about it.
type probed struct {
	url      string
	protocol protocol
	model    string
	mute     bool      // its log-probabilities are of the drawn distribution, or absent
	apart    bool      // it gives one response a request
	greedy   []float32 // log-probabilities of its greedy answer to the test prompt
	err      error
}

// A mustered fleet is one with what was found out about its servers.
type mustered struct {
	*fleet
	servers []probed
}

// A misfit is a server that answers, but not as the policy would: unlike one
// that is down, it may not take part.
type misfit struct{ err error }

func (m *misfit) Error() string { return m.err.Error() }
func (m *misfit) Unwrap() error { return m.err }

// probe tests every server. Those that are down are left to be tried again; all
// that answer must do so alike.
func (w *worker) probe(ctx context.Context, policy string) (*mustered, error) {
	q, err := w.test()
	if err != nil {
		return nil, err
	}
	servers := make([]probed, len(w.config.Remote.URLs))
	var wait sync.WaitGroup
	for i, url := range w.config.Remote.URLs {
		wait.Go(func() { servers[i] = w.probeOne(ctx, url, policy, q) })
	}
	wait.Wait()
	var up []probed
	var down []error
	for _, s := range servers {
		if wrong := (*misfit)(nil); errors.As(s.err, &wrong) {
			return nil, fmt.Errorf("the server %s: %w", s.url, s.err)
		} else if s.err != nil {
			down = append(down, s.err)
			zerolog.Ctx(ctx).Warn().Err(s.err).Msgf("the server %s is down; it is tried again later", s.url)
			continue
		}
		up = append(up, s)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(up) == 0 {
		return nil, fmt.Errorf("no server of sampler.remote.urls answers: %w; start one and run again", errors.Join(down...))
	}
	return w.alike(ctx, up)
}

// alike makes a fleet of servers that are asked in one way.
func (w *worker) alike(ctx context.Context, up []probed) (*mustered, error) {
	f := &fleet{worker: w, protocol: up[0].protocol, model: up[0].model, apart: w.config.Temperature == 0}
	for _, s := range up {
		switch {
		case s.protocol.name != f.protocol.name:
			return nil, fmt.Errorf("%s is asked by %s, %s by %s: sampler.remote.urls must be servers of one kind, "+
				"or all be asked in the way that sampler.remote.protocol names", up[0].url, f.protocol.name, s.url, s.protocol.name)
		case s.model != f.model:
			return nil, fmt.Errorf("%s serves %s, %s serves %s: name the policy as sampler.remote.model", up[0].url, f.model, s.url, s.model)
		}
		f.mute = f.mute || s.mute
		f.apart = f.apart || s.apart
	}
	log := zerolog.Ctx(ctx)
	switch {
	case f.protocol.textOnly:
		log.Warn().Msg("the servers give text without token ids: it is tokenised again, and responses have no log-probabilities")
	case f.mute:
		log.Warn().Msg("the servers' log-probabilities are not the policy's own at temperature 1, and are left out: start SGLang with " +
			"SGLANG_RETURN_ORIGINAL_LOGPROB=1, vLLM with --logprobs-mode raw_logprobs")
	}
	return &mustered{f, up}, nil
}

// probeTries is how often a server is asked at first: one that is down should
// not keep the others waiting.
const probeTries = 5

// probeOne tests one server.
func (w *worker) probeOne(ctx context.Context, url, policy string, q question) (s probed) {
	s.url = base(url)
	if s.model, s.err = w.named(ctx, url, policy); s.err != nil {
		return s
	}
	if s.err = w.checkTokenizer(ctx, url, s.model); s.err != nil {
		return s
	}
	var misfits []error
	var broken error // a 500, by which some servers refuse what they do not know
	for _, p := range protocols {
		if wanted := w.config.Remote.Protocol; wanted != "auto" && p.name != wanted {
			continue
		}
		if broken != nil && p.name == "text" { // whose request is that of completions
			continue
		}
		if setting := p.lacks(w.config.Sampler); setting != "" {
			misfits = append(misfits, fmt.Errorf("protocol %s has no way to ask for sampler.%s: leave it out", p.name, setting))
			continue
		}
		s.protocol, s.err = p, w.try(ctx, &s, url, p, q)
		switch f := (*remote.Failure)(nil); {
		case s.err == nil && broken != nil:
			s.err = &misfit{fmt.Errorf("%w; it does answer by protocol %s: name that as sampler.remote.protocol", broken, p.name)}
			return s
		case errors.As(s.err, &f) && f.Status == http.StatusInternalServerError:
			broken = cmp.Or(broken, s.err)
			continue
		case s.err == nil || f == nil || f.Silent():
			return s
		}
		misfits = append(misfits, fmt.Errorf("by protocol %s: %w", p.name, s.err))
	}
	if s.err = broken; broken == nil {
		s.err = &misfit{errors.Join(misfits...)}
	}
	return s
}

// models is what servers list of what they serve.
type models struct {
	Data []struct {
		ID   string `json:"id"`
		Root string `json:"root"`
	} `json:"data"`
}

// one makes a client of one server that is not patient.
func (w *worker) one(url, path string) (*remote.Client, error) {
	return w.dial(remote.Options{URLs: []string{url}, Concurrency: 1, Tries: probeTries}, path)
}

// named is the name of the policy at a server, which must serve it.
func (w *worker) named(ctx context.Context, url, policy string) (string, error) {
	want := strings.ReplaceAll(w.config.Remote.Model, "{model}", policy)
	c, err := w.one(url, "/v1/models")
	if err != nil {
		return "", err
	}
	list, err := remote.Get[models](ctx, c, nil)
	switch f := (*remote.Failure)(nil); {
	case err == nil:
	case !errors.As(err, &f) || f.Silent():
		return "", err
	case want != "" && f.Status != http.StatusUnauthorized && f.Status != http.StatusForbidden:
		return want, nil // it keeps no list
	default:
		return "", &misfit{err}
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m.ID)
		if want == "" && len(list.Data) == 1 || m.ID == want {
			warnOfOther(ctx, url, cmp.Or(m.Root, m.ID), policy)
			return m.ID, nil
		}
	}
	if want == "" {
		return "", &misfit{fmt.Errorf("it serves %d models (%s): name the policy as sampler.remote.model", len(ids), strings.Join(ids, ", "))}
	}
	return "", &misfit{fmt.Errorf("it does not serve %s, as sampler.remote.model calls the policy, but %s", want, strings.Join(ids, ", "))}
}

// warnOfOther warns of a server that names another folder of this machine than
// the policy's.
func warnOfOther(ctx context.Context, url, served, policy string) {
	there, err := os.Stat(served)
	if err != nil || !filepath.IsAbs(served) {
		return
	}
	if here, err := os.Stat(policy); err == nil && !os.SameFile(here, there) {
		zerolog.Ctx(ctx).Warn().Msgf("the server %s says that it serves %s, and the policy is %s", base(url), served, policy)
	}
}

// pangram is text in which tokenizers differ.
const pangram = "The 1,024 quick foxes don't jump — naïve çà et là, 数学, 🦊.\n\tfor i := range n {}"

// checkTokenizer holds a server's tokenizer to the policy's, where the server
// has one to ask.
func (w *worker) checkTokenizer(ctx context.Context, url, model string) error {
	c, err := w.one(url, "/tokenize")
	if err != nil {
		return err
	}
	type request struct {
		Model      string `json:"model"`
		Prompt     string `json:"prompt"`
		Content    string `json:"content"` // as llama.cpp calls it
		AddSpecial bool   `json:"add_special_tokens"`
	}
	got, err := remote.Post[struct {
		Tokens []int32 `json:"tokens"`
	}](ctx, c, request{Model: model, Prompt: pangram, Content: pangram}, nil)
	if own := w.tokens.AppendIDs(nil, pangram, true); err == nil && len(got.Tokens) > 0 && !slices.Equal(got.Tokens, own) {
		return &misfit{fmt.Errorf("its tokenizer is not the policy's: of %q it makes the ids %v, the policy's %v", pangram, got.Tokens, own)}
	}
	return ctx.Err() // servers without this are held to their answers' text
}

// test is the prompt that servers are tested with.
func (w *worker) test() (question, error) {
	p := w.prompter
	p.MaxTokens = 0
	messages, ids, err := p.Prompt([]table.Message{{Role: "user", Content: "Name three prime numbers."}}, nil)
	return question{Request: Request{Prompt: ids, N: 1}, messages: messages}, err
}

// try has a server answer the test prompt by a protocol: greedily, and n times
// with nothing left to chance but by other settings.
func (w *worker) try(ctx context.Context, s *probed, url string, p protocol, q question) error {
	c, err := w.one(url, p.path)
	if err != nil {
		return err
	}
	f := &fleet{worker: w, protocol: p, model: s.model}
	o := f.order(q)
	o.seed, o.temperature, o.topP, o.topK, o.maxTokens = 1, 0, 1, 0, min(8, o.maxTokens)
	o.minP, o.repetition, o.stopStrings = 0, 1, nil
	first, err := f.ask(ctx, c, o)
	if err != nil {
		return err
	}
	s.greedy = first[0].Logprobs
	s.mute = slices.ContainsFunc(s.greedy, func(x float32) bool { return x != x })
	s.apart = p.single
	if w.config.Temperature == 0 {
		return nil
	}
	o.temperature, o.repetition, o.topP, o.n = w.config.Temperature, cmp.Or(w.config.RepetitionPenalty, 1), 1e-6, 2
	if p.single {
		o.n = 1
	}
	again, err := f.ask(ctx, c, o)
	if errors.Is(err, errFewer) {
		s.apart = true
		return nil
	}
	if err != nil {
		return err
	}
	s.mute = s.mute || !agree(first[0], again[0])
	return nil
}

// agree says whether log-probabilities of two answers agree as far as the
// answers do: temperature and nucleus must not show in them.
func agree(a, b Response) bool {
	sum, n := 0.0, 0
	for i := range min(len(a.IDs), len(b.IDs)) {
		if a.IDs[i] != b.IDs[i] {
			break
		}
		sum, n = sum+math.Abs(float64(a.Logprobs[i]-b.Logprobs[i])), n+1
	}
	return !(sum > 0.05*float64(n))
}

// old is what is kept of the last policy that the servers were probed with.
type old struct {
	Policy string               `json:"policy"`
	Greedy map[string][]float32 `json:"greedy"` // by server
}

// warnOfOld warns of servers whose log-probabilities are those that they had
// under another policy: they seem to serve its weights still.
func (m *mustered) warnOfOld(ctx context.Context, policy string) {
	path := filepath.Join(m.config.Answers, "served.json")
	var before old
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &before) != nil {
		before = old{} // a courtesy: what cannot be read is as if it were not there
	}
	now := old{Policy: policy, Greedy: map[string][]float32{}}
	for _, s := range m.servers {
		if s.protocol.textOnly || m.mute {
			continue
		}
		if before.Policy != "" && before.Policy != policy && slices.Equal(before.Greedy[s.url], s.greedy) {
			zerolog.Ctx(ctx).Warn().Msgf("the server %s answers to the last bit as it did with the policy before: it seems to serve the old weights; "+
				"see sampler.remote.reload", s.url)
		}
		now.Greedy[s.url] = s.greedy
	}
	text, err := json.Marshal(now)
	if err == nil {
		err = os.MkdirAll(m.config.Answers, 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("cannot note what the servers serve")
	}
}

// awaits waits until a server answers at all.
func (w *worker) awaits(ctx context.Context, url string) error {
	c, err := w.dial(remote.Options{URLs: []string{url}, Concurrency: 1, Tries: 1, Timeout: time.Minute}, "/v1/models")
	if err != nil {
		return err
	}
	for {
		_, err := remote.Get[json.RawMessage](ctx, c, nil)
		f := (*remote.Failure)(nil)
		if err == nil || errors.As(err, &f) && !f.Silent() {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// pause is between two looks at a server that loads.
const pause = 500 * time.Millisecond
