package sampler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/progress"
	"radpo/internal/remote"
	"radpo/internal/table"
)

// A fleet is servers elsewhere that serve the policy.
//
//	policy -> publish -> reload -> probe -> prompts shared out -> checked answers -> rows
//
// A server takes the next prompt when it is done with one, so that fast ones do
// more. Answers are kept under what was asked until their segment is committed:
// work that is interrupted asks nothing twice. Rows stand in the order of the
// prompts, whichever server answers and when.
type fleet struct {
	*worker
	client   *remote.Client
	protocol protocol
	model    string // the policy's name there
	mute     bool   // log-probabilities are none of the policy's own
	apart    bool   // servers give one response a request
	folder   string // of answers
}

// Where a table's metadata says how the responses came by their ids.
const (
	idsFrom     = "response_ids"
	idsServed   = "served"      // as the server drew them
	idsFromText = "retokenised" // from its text, without log-probabilities
)

// ReadRetokenised says whether the ids of a samples table are of text that a
// server answered with, and not those that it drew.
func ReadRetokenised(meta map[string]string) bool { return meta[idsFrom] == idsFromText }

// remotely has the servers of sampler.remote answer what earlier runs have not.
func (w *worker) remotely(ctx context.Context, in flow.In, questions []question, out *flow.Out) error {
	f, err := w.muster(ctx, in.At(1), in.Print(1))
	if err != nil {
		return err
	}
	ids := idsServed
	if f.protocol.textOnly {
		ids = idsFromText
	}
	all, err := table.Create[table.Sample](out.Dir(), map[string]string{promptsCut: strconv.Itoa(w.prompter.Cut), idsFrom: ids})
	if err != nil {
		return err
	}
	if err := f.segments(ctx, questions, out, all); err != nil {
		return err
	}
	return all.Close()
}

// A part is a segment under way.
type part struct {
	name      string
	questions []question
	folder    string // of answers
	rows      []table.Sample
	done      chan error
}

// segments answers several segments at a time, so that servers have work while
// the last answers of one are awaited, and commits them in order.
func (f *fleet) segments(ctx context.Context, questions []question, out *flow.Out, all *table.Writer[table.Sample]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	bar := progress.Start(ctx, int64(len(questions)*f.config.N), "responses")
	defer bar.Done()
	var parts, missing []*part
	for own := range slices.Chunk(questions, segment*len(f.config.Goals)) {
		p := &part{name: fmt.Sprintf("segment-%06d", len(parts)), questions: own, done: make(chan error, 1)}
		p.folder = filepath.Join(f.folder, p.name)
		if _, old := out.Part(p.name); !old {
			missing = append(missing, p)
		}
		parts = append(parts, p)
	}
	under := make(chan struct{}, 2+2*f.client.Concurrency/segment)
	go func() {
		for _, p := range missing {
			select {
			case under <- struct{}{}:
				go func() { p.done <- f.answer(ctx, p, bar) }()
			case <-ctx.Done():
				p.done <- ctx.Err()
			}
		}
	}()
	for _, p := range parts {
		dir, old, err := out.Ensure(p.name, func(dir string) error {
			if err := <-p.done; err != nil {
				return err
			}
			return table.WriteAll(dir, nil, p.rows)
		})
		if err != nil {
			return err
		}
		if err := all.Append(dir); err != nil {
			return err
		}
		if old {
			bar.Skip(int64(len(p.questions) * f.config.N))
			continue
		}
		p.rows = nil
		if err := os.RemoveAll(p.folder); err != nil {
			return err
		}
		<-under
	}
	return os.RemoveAll(f.folder)
}

// answer asks the questions of a segment.
func (f *fleet) answer(ctx context.Context, p *part, bar *progress.Bar) error {
	client := f.client.Keeping(p.folder)
	batches := f.requests(p.questions)
	rows := make([][]table.Sample, len(batches))
	err := client.Each(ctx, len(batches), func(ctx context.Context, i int) error {
		q := batches[i]
		responses, err := f.ask(ctx, client, f.order(q))
		if err != nil {
			return fmt.Errorf("%s: %w; what was answered is kept: once a server of sampler.remote.urls answers, run again", q.Name, err)
		}
		for k, r := range responses {
			rows[i] = append(rows[i], f.row(q, k, r))
		}
		bar.Add(int64(len(responses)))
		return nil
	})
	p.rows = slices.Concat(rows...)
	return err
}

// mostTokens bounds the responses of one request: their log-probabilities must
// fit into an answer.
const mostTokens = 64 << 10

// requests splits questions into as many responses as a server gives at once.
func (f *fleet) requests(questions []question) []question {
	most := max(1, mostTokens/f.config.MaxTokens)
	if f.apart {
		most = 1
	}
	var out []question
	for _, q := range questions {
		for left := q.N; left > 0; left = left - q.N {
			q.N = min(left, most)
			out = append(out, q)
			q.First += q.N
		}
	}
	return out
}

// order is what a server is asked for a question.
func (f *fleet) order(q question) order {
	c := f.config
	return order{
		model: f.model, prompt: q.Prompt, messages: q.messages, n: q.N, seed: seedOf(c.Seed, q.Prompt, q.First),
		temperature: c.Temperature, topP: c.TopP, topK: c.TopK, minP: c.MinP, repetition: cmp.Or(c.RepetitionPenalty, 1),
		maxTokens: min(c.MaxTokens, f.window-len(q.Prompt)), stop: f.stop, stopStrings: c.StopStrings,
	}
}

// ask has a server answer, and checks what it says.
func (f *fleet) ask(ctx context.Context, client *remote.Client, o order) ([]Response, error) {
	var out []Response
	err := f.protocol.ask(ctx, client, o, func(list []answer) (err error) {
		out, err = f.responses(o, list)
		return err
	})
	return out, err
}

// seedOf is the seed of a sample, of 31 bits, which every server takes: by the
// prompt's ids and the sample's number, as native draws are. A server counts on
// from it through the samples of one request.
func seedOf(seed int64, prompt []int32, sample int) int64 {
	h := sha256.New()
	for _, v := range []any{seed, int64(sample), prompt} {
		if err := binary.Write(h, binary.LittleEndian, v); err != nil {
			panic(err) // a hash takes anything of fixed size
		}
	}
	return int64(binary.LittleEndian.Uint32(h.Sum(nil)) & math.MaxInt32)
}

// firstWait is before a second try; 0: as the client has it. Tests are in a
// hurry.
var firstWait time.Duration

// CheckFleet reports what would keep servers from being asked, such as a key
// that is not set. Nothing is sent.
func CheckFleet(c configs.Fleet) error {
	w := &worker{config: Config{Sampler: configs.Sampler{Remote: c}}}
	_, err := w.dial(remote.Options{URLs: c.URLs, Concurrency: 1}, "")
	return err
}

// base is the URL of a server without the path of an API.
func base(url string) string {
	url = strings.TrimRight(url, "/")
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/completion", "/generate", "/v1"} {
		if root, ok := strings.CutSuffix(url, path); ok {
			return root
		}
	}
	return url
}

// dial makes a client of the servers at a path.
func (w *worker) dial(o remote.Options, path string) (*remote.Client, error) {
	c := w.config.Remote
	urls := make([]string, len(o.URLs))
	for i, url := range o.URLs {
		urls[i] = base(url) + path
	}
	o.URLs, o.KeyEnv, o.Wait = urls, c.KeyEnv, firstWait
	if o.Timeout == 0 {
		o.Timeout = time.Duration(c.Timeout) * time.Second
	}
	client, err := remote.New(o)
	if err != nil {
		return nil, fmt.Errorf("sampler.remote: %w", err)
	}
	return client, nil
}

// muster readies the servers for a policy: they get its weights where that is
// asked for, and must answer as it would.
func (w *worker) muster(ctx context.Context, policy string, print flow.Fingerprint) (*fleet, error) {
	c := w.config.Remote
	published, err := publish(c.Publish, policy, print.String()[:16])
	if err != nil {
		return nil, fmt.Errorf("sampler.remote.publish: %w", err)
	}
	if err := w.reload(ctx, published); err != nil {
		return nil, fmt.Errorf("sampler.remote.reload: %w", err)
	}
	f, err := w.probe(ctx, published)
	if err != nil {
		return nil, err
	}
	f.folder = filepath.Join(w.config.Answers, print.String()[:16])
	f.warnOfOld(ctx, print.String()[:16])
	f.client, err = w.dial(remote.Options{URLs: c.URLs, Concurrency: c.Concurrency * len(c.URLs), Each: c.Concurrency}, f.protocol.path)
	if err != nil {
		return nil, err
	}
	zerolog.Ctx(ctx).Info().Str("protocol", f.protocol.name).Str("model", f.model).Int("servers", len(c.URLs)).Msg("servers answer as the policy")
	return f.fleet, nil
}
