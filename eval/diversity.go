package eval

import (
	"fmt"
	"iter"

	"radpo/internal/table"
)

const diversityNote = "Among the answers that one prompt got at one goal, as a mean over prompts. Unique: the share of different texts. Distinct-1 and distinct-2: different single tokens, and pairs of neighbours, as a share of all of them (Li et al. 2016). 1 is no repetition."

// A Draw is how diverse the responses of an iteration's samples are.
type Draw struct {
	Name    string // iter-1, iter-2, …
	prompts []string
	values  [len(diversities)][]float64
}

// diversities are the measures of a prompt's responses to one goal.
var diversities = [...]string{"unique", "distinct-1", "distinct-2"}

// ReadDraw measures a samples table, of which it keeps a few numbers a prompt.
// Prompts with a single response to a goal are passed over.
func ReadDraw(name string, samples iter.Seq2[table.Sample, error]) (Draw, error) {
	d := Draw{Name: name}
	var under []table.Sample
	for s, err := range samples {
		if err != nil {
			return d, fmt.Errorf("diversity of %s: %w", name, err)
		}
		if len(under) > 0 && (under[0].PromptID != s.PromptID || goalName(under[0].Goal) != goalName(s.Goal)) {
			d.add(under)
			under = under[:0]
		}
		under = append(under, s)
	}
	d.add(under)
	return d, nil
}

// add measures responses to one prompt at one goal.
func (d *Draw) add(responses []table.Sample) {
	if len(responses) < 2 {
		return
	}
	texts, one, two := map[string]bool{}, map[int32]bool{}, map[[2]int32]bool{}
	ones, twos := 0, 0
	for _, r := range responses {
		texts[r.Text] = true
		for i, id := range r.ResponseIDs {
			one[id], ones = true, ones+1
			if i > 0 {
				two[[2]int32{r.ResponseIDs[i-1], id}] = true
				twos++
			}
		}
	}
	d.prompts = append(d.prompts, responses[0].PromptID)
	for k, share := range [...]float64{
		float64(len(texts)) / float64(len(responses)),
		float64(len(one)) / float64(max(1, ones)),
		float64(len(two)) / float64(max(1, twos)),
	} {
		d.values[k] = append(d.values[k], share)
	}
}

// diversity adds what a draw's prompts come to.
func (s *sheet) diversity(name string, d Draw) {
	for k, what := range diversities {
		s.add(name+"/"+what, d.prompts, mean(d.values[k], 0))
	}
}

// diversities adds the same of a policy's answers to each goal.
func (s *sheet) diversities(p Policy) {
	for _, g := range p.groups() {
		by := map[string][]table.Sample{}
		var order []string
		for _, r := range g.rows {
			id := p.Samples[r].PromptID
			if by[id] == nil {
				order = append(order, id)
			}
			by[id] = append(by[id], p.Samples[r])
		}
		var d Draw
		for _, id := range order {
			d.add(by[id])
		}
		s.diversity("diversity/"+p.Name+"/"+g.name, d)
	}
}

func drawnGrid(in Input, b book) grid {
	g := grid{Title: "Samples that pairs are made of", Columns: diversities[:]}
	for _, d := range in.Drawn {
		g.row(d.Name, b.diversity("drawn/"+d.Name)...)
	}
	return g
}

func diversityGrid(in Input, b book) grid {
	g := grid{Title: "Answers to held-out prompts, where a prompt has several at a goal", Columns: diversities[:]}
	for _, p := range in.Policies {
		for _, group := range p.groups() {
			g.row(p.Name+" "+goalWords(group.goal), b.diversity("diversity/"+p.Name+"/"+group.name)...)
		}
	}
	return g
}

func (b book) diversity(name string) []cell {
	var cells []cell
	for _, what := range diversities {
		cells = append(cells, b.cellOf(name+"/"+what))
	}
	return cells
}
