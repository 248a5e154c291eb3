package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/progress"
	"radpo/internal/torch"
	"radpo/pipeline"
)

// Exit statuses.
const (
	done        = 0
	failed      = 1
	misused     = 2
	interrupted = 75 // EX_TEMPFAIL: running the same command again continues
)

// run is the command line as a function: its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := interruptible()
	defer stop()
	terminal := isTerminal(stderr)
	display := progress.New(stderr, terminal)
	ctx = progress.With(ctx, display)
	ctx = logger(display, terminal).WithContext(ctx)

	var threads int
	root := command(&threads)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false
	each(root, func(verb *cobra.Command) {
		work := verb.RunE
		verb.RunE = func(cmd *cobra.Command, args []string) error {
			started = true // what fails before is a fault of the command line
			torch.SetThreads(max(1, threads))
			return work(cmd, args)
		}
	})
	verb, err := root.ExecuteContextC(ctx)
	display.Stop()
	if err == nil {
		return done
	}
	if !started {
		err = &usageError{err, verb.CommandPath()}
	}
	return complain(ctx, stderr, err)
}

// each calls fn with every verb below a command.
func each(cmd *cobra.Command, fn func(*cobra.Command)) {
	for _, verb := range cmd.Commands() {
		fn(verb)
		each(verb, fn)
	}
}

// command is the tree of verbs.
func command(threads *int) *cobra.Command {
	root := &cobra.Command{
		Use:           "radpo",
		Short:         "On-policy iterative alignment with reward-augmented preference data",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().IntVar(threads, "threads", cores(), "CPU threads of one operator; results depend on it in the last bits")
	root.AddGroup(&cobra.Group{ID: loopVerbs, Title: "The loop:"}, &cobra.Group{ID: stageVerbs, Title: "A stage on files:"},
		&cobra.Group{ID: lineVerbs, Title: "A model on JSON lines, over HTTP or to talk with:"},
		&cobra.Group{ID: modelVerbs, Title: "Models:"})
	add := func(group string, verbs ...*cobra.Command) {
		for _, v := range verbs {
			v.GroupID = group
			root.AddCommand(v)
		}
	}
	add(loopVerbs, runVerb(), planVerb(), reportVerb(), showVerb(), verifyVerb(), initVerb())
	add(stageVerbs, sampleVerb(), rankVerb(), augmentVerb(), trainVerb(), replayVerb(), evalVerb(), importVerb(), exportVerb())
	add(lineVerbs, generateVerb(), logprobsVerb(), tokenizeVerb(), scoreVerb(), serveVerb(), chatVerb())
	add(modelVerbs, doctorVerb(), downloadVerb(), mergeVerb())
	return root
}

// cores are this process's: those that it may use, shared with the processes
// that torchrun starts beside it.
func cores() int {
	beside, err := strconv.Atoi(os.Getenv("LOCAL_WORLD_SIZE"))
	if err != nil {
		beside = 1
	}
	return max(1, runtime.GOMAXPROCS(0)/max(1, beside))
}

const (
	loopVerbs  = "loop"
	stageVerbs = "stages"
	lineVerbs  = "lines"
	modelVerbs = "models"
)

// version is the module's and that of the libtorch it is built for.
func version() string {
	v := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
	}
	return v + ", libtorch 2.11.0, " + runtime.Version()
}

// interruptible is a context that the first signal ends. A second one ends the
// process: whatever is on disk is whole.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		if _, open := <-signals; !open {
			return
		}
		cancel()
		if _, open := <-signals; open {
			os.Exit(interrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != ""
}

// logger writes above the progress: for people on a terminal, else JSON.
func logger(w io.Writer, terminal bool) zerolog.Logger {
	if terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05", NoColor: os.Getenv("NO_COLOR") != ""}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

// errInterrupted ends a verb that keeps nothing to continue with.
var errInterrupted = errors.New("interrupted; nothing was written, run again")

// A usageError is a fault of the command line.
type usageError struct {
	error
	verb string
}

func (e *usageError) Unwrap() error { return e.error }

// complain prints an error, a line each, with the way out where it is not said
// yet, and returns the exit status.
func complain(ctx context.Context, w io.Writer, err error) int {
	if ctx.Err() != nil && !errors.Is(err, flow.ErrInterrupted) {
		err = errInterrupted
	}
	status, hint := judge(err)
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "radpo: %s\n", strings.TrimRight(line, "\n"))
	}
	if hint != "" {
		fmt.Fprintf(w, "radpo: %s\n", hint)
	}
	return status
}

// judge is the exit status of an error, and a hint for it.
func judge(err error) (status int, hint string) {
	var (
		usage  *usageError
		config configs.Errors
		input  *pipeline.InputError
		reader *pipeline.ReaderError
		busy   *flow.BusyError
		disk   *flow.DiskError
		op     *torch.OpError
	)
	switch {
	case errors.Is(err, flow.ErrInterrupted), errors.Is(err, errInterrupted):
		return interrupted, ""
	case errors.As(err, &usage):
		return misused, "see " + usage.verb + " --help"
	case errors.As(err, &config):
		return misused, "radpo init prints a configuration to start from"
	case errors.As(err, &input), errors.As(err, &reader), errors.As(err, &busy), errors.As(err, &disk):
		return misused, ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return misused, "the disk is full: free some space and run again; what was finished before is kept"
	case errors.As(err, &op) && strings.Contains(op.Words, "out of memory"):
		return failed, "lower sampler.batch or dpo.micro_tokens and run again"
	}
	return failed, ""
}
