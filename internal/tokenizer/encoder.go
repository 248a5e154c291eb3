package tokenizer

// A model turns a word, as split, into ids. It keeps its working memory in e
// and may be called from many goroutines with different e.
type model interface {
	appendWord(dst []int32, e *encoder, word string) []int32
	// ends is where each of a word's ids ends in it, in bytes.
	ends(e *encoder, word string, ids []int32) []int
}

// An encoder is the working memory of one goroutine.
type encoder struct {
	model model
	words *cache
	out   rewriter
	merge merger
	paths []pathEnd
}

func newEncoder(m model) *encoder { return &encoder{model: m, words: newCache()} }

func (e *encoder) appendWord(dst []int32, word string) []int32 {
	if len(word) > cacheMaxWord {
		return e.model.appendWord(dst, e, word)
	}
	hash := hashWord(word)
	if ids, ok := e.words.get(word, hash); ok {
		return append(dst, ids...)
	}
	n := len(dst)
	dst = e.model.appendWord(dst, e, word)
	e.words.put(word, hash, dst[n:])
	return dst
}

// encoders is a free list. Unlike a sync.Pool it survives garbage collection,
// and so do the caches; it holds no more than maxEncoders.
type encoders chan *encoder

const (
	maxEncoders = 16
	maxKept     = 1 << 20 // elements of working memory
)

func (f encoders) get(m model) *encoder {
	select {
	case e := <-f:
		return e
	default:
		return newEncoder(m)
	}
}

// put keeps e, but not the memory that a huge text has made it take.
func (f encoders) put(e *encoder) {
	if cap(e.out.text)+cap(e.merge.symbols)+cap(e.paths) > maxKept {
		e.out, e.merge, e.paths = rewriter{}, merger{}, nil
	}
	select {
	case f <- e:
	default:
	}
}
