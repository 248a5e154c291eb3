package eval_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"radpo/eval"
	"radpo/internal/table"
)

var keep = flag.String("report", "", "write the synthetic report to this file, to look at")

// render returns the page of an input.
func render(t *testing.T, in eval.Input) string {
	t.Helper()
	ms, err := eval.Measures(in)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := eval.WriteHTML(&b, in, ms); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pages holds the synthetic run's page, which several tests read.
var pages struct {
	once sync.Once
	page string
}

func syntheticPage(t *testing.T) string {
	t.Helper()
	pages.once.Do(func() { pages.page = render(t, synthetic()) })
	return pages.page
}

// elements reads the page as strict XML, which it is by intent, and counts
// its elements.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
}

func TestReport(t *testing.T) {
	page := syntheticPage(t)
	if *keep != "" {
		if err := os.WriteFile(*keep, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if page != render(t, synthetic()) {
		t.Error("two pages of one input differ")
	}
	count := elements(t, page)
	// Dial, reward, attributes, unlearning, length, ranker, two of scores, parse,
	// finish, six curves.
	if got, want := count["svg"], 16; got != want {
		t.Errorf("%d figures, want %d", got, want)
	}
	for _, id := range []string{"reading", "rewards", "answers", "unlearning", "ranker", "scale", "text", "training", "loop", "wins", "length", "diversity", "provenance", "settings", "measures"} {
		if !strings.Contains(page, `<section id="`+id+`">`) {
			t.Errorf("no section %s", id)
		}
	}
	for _, want := range []string{
		"Describe the color and the use of thing 0 in two sentences.", // the first prompt, as it comes
		"beta: 0.1", "artifacts/policy-2", "policy-2", "reused", "goal/iter-1/spearman-answers", "seed 42",
		"12 stages ran in the last run, in 65.4 s; 2, of 3.3 s, were made before it",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestAnswers: each prompt is shown with its own answers.
func TestAnswers(t *testing.T) {
	cards := strings.Split(syntheticPage(t), `<div class="card prompt">`)
	if got, want := len(cards)-1, 4; got != want {
		t.Fatalf("%d prompts, want %d", got, want)
	}
	for i, c := range cards[1:] {
		own := fmt.Sprintf("The humble thing number %d indeed", i)
		// Four policies, each at no goal, 2, 6 and 10.
		if got, want := strings.Count(c, own), 16; got != want {
			t.Errorf("prompt %d: %d of its answers, want %d", i, got, want)
		}
	}
}

// TestOffline: nothing in the page makes a browser fetch or run anything.
func TestOffline(t *testing.T) {
	page := syntheticPage(t)
	count := elements(t, page)
	for _, e := range []string{"script", "link", "img", "iframe", "object", "base", "form"} {
		if count[e] != 0 {
			t.Errorf("the page has %d <%s>", count[e], e)
		}
	}
	for _, part := range []string{"http", "//", "url(", "@import", "src=", "href", " on"} {
		for at := range strings.SplitSeq(tags(page), "\n") {
			if strings.Contains(at, part) {
				t.Errorf("%q stands in %.80s", part, at)
			}
		}
	}
}

// tags returns the page's tags and style, one a line, without its text.
func tags(page string) string {
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)[1]
	return strings.Join(regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1), "\n") + "\n" + strings.ReplaceAll(style, "\n", "")
}

// TestHostileText puts markup, controls and reordering in every text that
// comes from outside.
func TestHostileText(t *testing.T) {
	evil := "</pre></style></title><script>alert(1)</script>{{.Title}}\x00\x1b[2J\u202e\"'<!--\n# head\n[a](javascript:1)\n````\n| cell"
	in := synthetic()
	want := elements(t, syntheticPage(t))
	in.Title, in.Config = evil, evil
	in.Prompts[0].Messages = []table.Message{{Role: evil, Content: evil}}
	in.Policies[0].Samples[0].Text = evil
	in.Timings[0].Stage = evil
	in.Artifacts[0] = eval.Artifact{Name: evil, Path: "javascript:" + evil}
	page := render(t, in)
	for e, n := range elements(t, page) {
		if n != want[e] {
			t.Errorf("%d <%s>, want %d as without hostile text", n, e, want[e])
		}
	}
	holdMarkdown(t, twin(t, in))
	for _, hidden := range []string{"\x00", "\x1b", "\u202e"} {
		if strings.Contains(page, hidden) {
			t.Errorf("%q reaches the page", hidden)
		}
	}
	if !strings.Contains(html.UnescapeString(page), "␀␛[2J⟨U+202E⟩") {
		t.Error("controls are not made visible")
	}
}

func TestLongAnswerIsCut(t *testing.T) {
	in := handmade()
	in.Prompts = []table.Prompt{{ID: "a"}}
	in.Policies[0].Samples[0].Text = strings.Repeat("word ", 10000)
	if page := render(t, in); !strings.Contains(page, "word … (49300 more characters)") || len(page) > 49000 {
		t.Errorf("a page of %d bytes for an answer of 50 KB", len(page))
	}
}

// TestReading holds the words to the numbers: the same sentence turns when
// they do.
func TestReading(t *testing.T) {
	in := synthetic()
	page := syntheticPage(t)
	shows, doesNot := card(t, page, "yes"), card(t, page, "no")
	for _, want := range []string{"iter-1 at goal 10 is above base", "iter-2 follows the goal", "ra keeps more of the good rejected answers than plain"} {
		if !strings.Contains(shows, want) {
			t.Errorf("shown: no %q", want)
		}
	}
	if want := "iter-1 at goal 10 is not above plain-1 but below it"; !strings.Contains(doesNot, want) {
		t.Errorf("not shown: no %q", want)
	}

	in.Policies[2].Goal = []float64{6}
	in.Policies[3] = in.Policies[2]
	in.Policies[3].Name = "iter-2"
	if want := "iter-2 at goal 6 is not told apart from iter-1 at goal 6"; !strings.Contains(card(t, render(t, in), "no"), want) {
		t.Errorf("with equal iterations: no %q", want)
	}

	in = synthetic()
	in.Policies[1].Samples, in.Policies[2].Samples = in.Policies[2].Samples, in.Policies[1].Samples
	in.Policies[1].Scores, in.Policies[2].Scores = in.Policies[2].Scores, in.Policies[1].Scores
	in.Policies[1].Rule, in.Policies[2].Rule = in.Policies[2].Rule, in.Policies[1].Rule
	in.Unlearning[1].Refs, in.Unlearning[2] = in.Unlearning[0].Refs, eval.Unlearning{Name: "ra", Pairs: in.Unlearning[1].Pairs, Refs: in.Unlearning[1].Refs}
	in.Unlearning[1].Pairs = in.Unlearning[0].Pairs
	page = render(t, in)
	shows, doesNot = card(t, page, "yes"), card(t, page, "no")
	if want := "iter-1 at goal 10 is above plain-1"; !strings.Contains(shows, want) {
		t.Errorf("with the answers exchanged: no %q in %s", want, shows)
	}
	for _, want := range []string{"iter-1 does not follow the goal as it should", "ra does not keep more of the good rejected answers than plain"} {
		if !strings.Contains(doesNot, want) {
			t.Errorf("with the answers exchanged: no %q in %s", want, doesNot)
		}
	}
}

// card returns one of the three lists of the reading.
func card(t *testing.T, page, class string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)<div class="card ` + class + `">(.*?)</div>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no list %q", class)
	}
	return m[1]
}

// TestPerPromptScale: maps of single prompts have no limits, and a warning.
func TestPerPromptScale(t *testing.T) {
	const warning = "not with those of other policies"
	in := synthetic()
	if strings.Contains(render(t, in), warning) {
		t.Error("a warning where maps are common to all prompts")
	}
	for i := range in.Scales {
		in.Scales[i].Low, in.Scales[i].High = math.NaN(), math.NaN()
	}
	if !strings.Contains(render(t, in), warning) {
		t.Error("no warning where each prompt has its own map")
	}
}

// twin returns the Markdown of an input.
func twin(t *testing.T, in eval.Input) string {
	t.Helper()
	ms, err := eval.Measures(in)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := eval.WriteMarkdown(&b, in, ms); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTwin: the Markdown has every section, sentence and number of the page.
func TestTwin(t *testing.T) {
	page, text := syntheticPage(t), twin(t, synthetic())
	for _, part := range []string{"style", "svg", "ol"} {
		page = regexp.MustCompile(`(?s)<`+part+`[ >].*?</`+part+`>`).ReplaceAllString(page, "")
	}
	for _, m := range regexp.MustCompile(`<h2>(.*?)</h2>`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(text, "\n## "+m[1]+"\n") {
			t.Errorf("no section %q", m[1])
		}
	}
	unescaped := regexp.MustCompile(`\\([\\_*~#|])`).ReplaceAllString(text, "$1")
	for _, m := range regexp.MustCompile(`(?s)<(?:li|td|th|summary|figcaption|strong|p)[^>]*>([^<]+)`).FindAllStringSubmatch(page, -1) {
		want := strings.TrimSpace(html.UnescapeString(m[1]))
		if !strings.Contains(unescaped, want) && !strings.HasSuffix(want, "as a table") && !strings.HasSuffix(want, "as in report.json") && !strings.Contains(want, "of the run folder") {
			t.Errorf("the twin lacks %q", want)
		}
	}
}

// holdMarkdown reports foreign text that Markdown would read as its own.
func holdMarkdown(t *testing.T, text string) {
	t.Helper()
	body, _, _ := strings.Cut(text, "\n`````\n") // the settings' fence is longer than what is in it
	if body == text {
		t.Error("settings with a fence are not fenced by a longer one")
	}
	for _, bad := range []string{"\n# head", "a](javascript", "\n````", "\n| cell", "\x1b", "\u202e"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q reaches the Markdown", bad)
		}
	}
	if regexp.MustCompile(`[^\\]<[/!s]`).MatchString(body) {
		t.Error("markup reaches the Markdown")
	}
}

// TestDiversity holds the shares to numbers counted by hand.
func TestDiversity(t *testing.T) {
	samples := []table.Sample{
		{PromptID: "a", Text: "x", ResponseIDs: []int32{1, 2, 3}}, {PromptID: "a", Text: "x", ResponseIDs: []int32{1, 2, 3}},
		{PromptID: "b", Text: "y", ResponseIDs: []int32{1, 2}}, {PromptID: "b", Text: "z", ResponseIDs: []int32{3, 4}},
		{PromptID: "alone", Text: "w", ResponseIDs: []int32{9}},
	}
	d, err := eval.ReadDraw("iter-1", func(yield func(table.Sample, error) bool) {
		for _, s := range samples {
			if !yield(s, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := measured(t, eval.Input{Seed: 1, Drawn: []eval.Draw{d}})
	for name, want := range map[string]float64{"unique": 0.75, "distinct-1": 0.75, "distinct-2": 0.75} {
		if m := got["drawn/iter-1/"+name]; m.Value != want || m.N != 2 {
			t.Errorf("%s: %v over %d prompts, want %v over 2", name, m.Value, m.N, want)
		}
	}
}
