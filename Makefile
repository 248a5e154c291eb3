# Every target that builds or runs goes through tools/libtorch, which fetches
# libtorch once and sets the flags that cgo needs.
TORCH := tools/libtorch
GO    := $(TORCH) go
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help run build cuda gpu-check test check race fuzz bench study demo-models golden fmt clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## set up, build, and run two iterations on the built-in model
	bin/radpo run

build: ## build bin/radpo
	$(GO) build -trimpath -o bin/radpo ./cmd/radpo
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/radpo-reader ./cmd/radpo-reader

cuda: ## compile the CUDA-only part; needs neither a GPU nor a toolkit
	$(TORCH) tools/cuda bin/libradpo_cuda.so

gpu-check: cuda ## check and time decoding and training on a GPU, into bin/gpu.json and bin/gpu*.md; skips without one
	$(GO) test -c -o bin/gpu-check ./sampler
	$(GO) test -c -o bin/gpu-check-train ./dpo
	cd sampler && GPU_CHECK=../bin ../$(TORCH) ../bin/gpu-check -test.run '^TestGPU$$' -test.v -test.timeout 9m
	cd dpo && GPU_CHECK=../bin ../$(TORCH) ../bin/gpu-check-train -test.run '^TestGPU$$' -test.v -test.timeout 9m

test: ## vet and all tests: no network, no GPU
	$(GO) vet ./...
	$(GO) test ./...
	$(GO) test -tags check ./internal/torch ./internal/model ./sampler

race: ## host-only packages under the race detector
	$(GO) test -race ./augment ./configs ./eval ./internal/chat/... ./internal/flow ./internal/hf ./internal/hub ./internal/openai ./internal/progress ./internal/remote ./internal/table ./internal/tokenizer ./internal/web

fuzz: ## every parser's fuzz target, half a minute each
	@for p in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z]+' $$p | cut -c6-); do \
	    $(GO) test $$p -run '^$$' -fuzz "^$$f$$" -fuzztime 30s || exit 1; done; done

bench: build ## benchmarks; beside Python's torch, transformers, trl and tokenizers where PYTHON has them
	$(GO) test -run '^$$' -bench . ./internal/torch ./internal/tokenizer ./internal/table ./sampler ./ranker ./dpo
	@beside() { if $(PYTHON) -c "import $$1" 2>/dev/null; then shift; $(PYTHON) "$$@"; else echo "no $$1 in $(PYTHON): $$2 left out"; fi; }; \
	  beside torch tools/bench/op.py && beside tokenizers tools/bench/encode.py ../shared/data/tokenizers && \
	  beside transformers tools/bench/rank.py --size T4 --prompts 16 && \
	  beside transformers tools/bench/sample.py --size T4 --prompts 16 --rounds 3 && \
	  beside transformers tools/bench/pairrm.py tiny --prompts 4 --rounds 3 && beside trl tools/bench/train.py --rounds 3 && \
	  beside datasets tools/bench/relabel.py --rows 100000 --rounds 3

study: build ## the paper's experiments on the built-in task, five seeds each, and docs/study.md (an hour or two)
	@failed=; for v in bandit control unlearning variants attributes losses; do bin/radpo eval $$v > /dev/null || failed="$$failed $$v"; done; \
	cat runs/study/control.md runs/study/unlearning.md runs/study/variants.md runs/study/attributes.md runs/study/losses.md runs/study/bandit.md > docs/study.md; \
	[ -z "$$failed" ] || { echo "claims that do not hold, or runs that failed:$$failed"; exit 1; }

demo-models: ## train the built-in policy and reward model again (about 20 minutes)
	$(GO) run ./demo/make

golden: ## rewrite reference tensors; needs the Python packages of tools/golden/requirements.txt
	for f in decoders families rope deberta dpo lora losses optimizer draws rewards folders rewardbench tasks; do $(PYTHON) tools/golden/$$f.py; done

fmt: ## format
	gofmt -w .

clean: ## remove bin/ and runs/
	rm -rf bin runs
