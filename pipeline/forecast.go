package pipeline

import (
	"fmt"
	"io"
	"text/tabwriter"

	"radpo/configs"
	"radpo/dpo"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// printPlan writes the stages, whether each is reused and why, and what the
// run will take of memory and disk.
func printPlan(w io.Writer, l *loop, steps []flow.Step, full bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tkind\tartifact\tdo\twhy")
	for _, s := range steps {
		do := "run"
		if s.Done {
			do = "reuse"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Kind, s.Fingerprint.Short(), do, reason(s.Why, full))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	f, err := forecast(l)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nmemory  about %s at most, while %s; %s available on %s\n"+
		"        training: weights %s, gradients %s, moments %s; a micro-batch %s in layers, %s in logits\n"+
		"disk    about %s for the whole run\n",
		size(f.memory), f.peak, available(l.Device), l.Device,
		size(f.train.Weights), size(f.train.Gradients), size(f.train.Moments), size(f.train.Layers), size(f.train.Head), size(f.disk))
	return err
}

// available is the free memory of a device.
func available(name string) string {
	if device, err := torch.OpenDevice(name); err == nil {
		if free, _, err := torch.Memory(device); err == nil {
			return size(free)
		}
	}
	return "unknown"
}

// reason is why, cut to the rest of a line of a usual terminal.
func reason(why string, full bool) string {
	const most = 60
	if letters := []rune(why); !full && len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return why
}

// A prediction is in bytes, from sizes alone: nothing is measured.
type prediction struct {
	memory int64
	peak   string // the stage that needs it
	train  dpo.Footprint
	disk   int64
}

// forecast finds the stage that holds most.
func forecast(l *loop) (prediction, error) {
	c, in := l.Config, l.in
	policy, err := shapeAt(in.model)
	if err != nil {
		return prediction{}, err
	}
	var p prediction
	if c.Sampler.Backend == "native" {
		p.memory, p.peak = policy.toSample(c), "sampling"
	}
	p.train = policy.toTrain(c)
	if train := library + p.train.Total(); train > p.memory {
		p.memory, p.peak = train, "training"
	}
	if in.reward != "" && !c.Ranker.Asks() {
		reward, err := shapeAt(in.reward)
		if err != nil {
			return p, err
		}
		if rank := reward.toRank(c); rank > p.memory {
			p.memory, p.peak = rank, "ranking"
		}
	}
	policies := int64(0)
	for _, s := range l.stages {
		if s.Kind == "train" {
			policies++
		}
	}
	// Every policy stays; one checkpoint of training is on disk beside the next.
	p.disk = policies*policy.params*widthOf(c) + 2*policy.params*(4+dpo.OptimizerWidth(c.DPO)) + policies*int64(c.Prompts.HeldOut)*16<<10
	return p, nil
}

// A shape is what of a model's size decides memory.
type shape struct {
	params, vocabulary int64
	sides              int64 // of matrices, added up: LoRA's factors of rank 1
	layers             int
	config             hf.Config
}

func shapeAt(path string) (shape, error) {
	f, err := hf.Open(path)
	if err != nil {
		return shape{}, err
	}
	defer f.Close()
	return shapeOf(f)
}

func shapeOf(f *hf.Folder) (shape, error) {
	c, err := f.Config()
	if err != nil {
		return shape{}, err
	}
	tensors, err := f.Tensors()
	if err != nil {
		return shape{}, err
	}
	s := shape{vocabulary: int64(c.VocabSize), layers: c.NumHiddenLayers, config: c}
	for _, t := range tensors {
		s.params += int64(len(t.Data)) / t.DType.Size()
		if len(t.Shape) == 2 {
			s.sides += t.Shape[0] + t.Shape[1]
		}
	}
	return s, nil
}

// library is what libtorch itself takes.
const library = 200 << 20

// widthOf is the bytes of a number in the dtype that a run computes in.
func widthOf(c configs.Config) int64 {
	if c.DType == "bfloat16" {
		return 2
	}
	return 4
}

// toSample is weights, the cache of full responses to the longest prompts, what
// a block holds while it computes those prompts, and logits.
func (s shape) toSample(c configs.Config) int64 {
	width, batch, prompt := widthOf(c), int64(c.Sampler.Batch), int64(c.Prompts.MaxTokens)
	return library + s.params*width + batch*(prompt+int64(c.Sampler.MaxTokens))*s.cachePerToken(width) +
		batch*prompt*s.blockPerToken(width) + batch*s.vocabulary*8
}

// toTrain is what training holds in a process of this launch: all weights, or
// LoRA's factors beside them.
func (s shape) toTrain(c configs.Config) dpo.Footprint {
	change := s.params
	if r := int64(c.DPO.LoRA.Rank); r > 0 {
		change = r * s.sides
	}
	return dpo.Forecast(c.DPO, c.DType, s.config, s.params, change, torch.Processes())
}

// toRank is weights and what a block holds of a batch.
func (s shape) toRank(c configs.Config) int64 {
	return library + s.params*widthOf(c) + int64(c.Ranker.BatchTokens)*s.blockPerToken(widthOf(c))
}

func (s shape) cachePerToken(width int64) int64 {
	return 2 * int64(s.layers) * int64(s.config.NumKeyValueHeads*s.config.HeadDim) * width
}

// blockPerToken is what one layer makes of a token on the way: about eight
// times the width of the model and four times that of its feed-forward.
func (s shape) blockPerToken(width int64) int64 {
	return int64(8*s.config.HiddenSize+4*s.config.IntermediateSize) * width
}

func size(n int64) string {
	const unit = 1 << 10
	if n < unit*unit {
		return fmt.Sprintf("%.0f KiB", float64(n)/unit)
	}
	if n < unit*unit*unit {
		return fmt.Sprintf("%.0f MiB", float64(n)/(unit*unit))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(unit*unit*unit))
}
