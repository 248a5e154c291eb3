package sampler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"radpo/internal/remote"
)

// publish puts a policy's files into a folder of their own under dir, which
// appears there whole, and points dir/current at it. Without a dir the policy
// stays where it is. Files are linked where the file system can, and else
// copied. It returns the folder.
func publish(dir, policy, name string) (string, error) {
	if dir == "" {
		return policy, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(dir, name)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := linkAll(policy, folder); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	next := filepath.Join(dir, ".current")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return folder, errors.Join(os.Symlink(name, next), os.Rename(next, filepath.Join(dir, "current")))
}

// linkAll makes folder of the files in another.
func linkAll(from, folder string) error {
	aside := folder + ".tmp"
	if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(aside, 0o755)); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path, err := filepath.EvalSymlinks(filepath.Join(from, e.Name())) // the Hugging Face cache has links
		if err != nil {
			return err
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue // adapter, average: servers need the model alone
		}
		to := filepath.Join(aside, e.Name())
		if os.Link(path, to) == nil {
			continue
		}
		if err := copyFile(path, to); err != nil {
			return err
		}
	}
	return os.Rename(aside, folder)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// reload has every server load the policy, by sampler.remote.reload, and waits
// until it answers.
func (w *worker) reload(ctx context.Context, policy string) error {
	c := w.config.Remote
	if c.Reload == "" || c.Reload == "none" {
		return nil
	}
	limit := time.Duration(c.ReloadTimeout) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %v (sampler.remote.reload_timeout)", limit))
	defer cancel()
	if c.Reload != "vllm" && c.Reload != "sglang" {
		if err := command(ctx, c.Reload, policy); err != nil {
			return err
		}
	}
	errs := make([]error, len(c.URLs))
	var wait sync.WaitGroup
	for i, url := range c.URLs {
		wait.Go(func() {
			err := w.reloadOne(ctx, url, policy)
			if err == nil {
				err = w.awaits(ctx, url)
			}
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w: it may serve old weights; mend it or take it out of sampler.remote.urls", base(url), err)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	zerolog.Ctx(ctx).Info().Str("policy", policy).Msg("servers have loaded the policy")
	return nil
}

// reloadOne has one server load the policy by its own means. vLLM forgets its
// weights and reads its folder again; SGLang is told the folder.
func (w *worker) reloadOne(ctx context.Context, url, policy string) error {
	switch w.config.Remote.Reload {
	case "vllm":
		for _, step := range []struct {
			path    string
			request any
		}{
			{"/sleep?level=2", struct{}{}},
			{"/wake_up?tags=weights", struct{}{}},
			{"/collective_rpc", map[string]string{"method": "reload_weights"}},
			{"/wake_up?tags=kv_cache", struct{}{}},
		} {
			if err := w.tell(ctx, url, step.path, step.request); err != nil {
				return err
			}
		}
	case "sglang": // which says by its status too whether it has
		return w.tell(ctx, url, "/update_weights_from_disk", map[string]string{"model_path": policy})
	}
	return nil
}

// tell posts to a server what it should do.
func (w *worker) tell(ctx context.Context, url, path string, request any) error {
	c, err := w.dial(remote.Options{URLs: []string{url}, Concurrency: 1, Tries: probeTries, Timeout: w.patience()}, path)
	if err != nil {
		return err
	}
	return remote.Send(ctx, c, request)
}

func (w *worker) patience() time.Duration {
	return time.Duration(w.config.Remote.ReloadTimeout) * time.Second
}

// command runs what the user has for loading weights. Its output goes to the
// log; what it leaves running stays.
func command(ctx context.Context, text, policy string) error {
	output, err := os.CreateTemp("", "radpo-reload-*")
	if err != nil {
		return err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(text, "{model}", quoted(policy)))
	cmd.Stdout, cmd.Stderr = output, output // a file, so that a server that the command leaves behind keeps nobody waiting
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	failed := cmd.Run()
	last, err := relay(ctx, output)
	switch {
	case failed != nil && ctx.Err() != nil:
		return fmt.Errorf("%s: %w", text, context.Cause(ctx))
	case failed != nil:
		return fmt.Errorf("%s: %w: %s", text, failed, last)
	}
	return err
}

// mostOutput is how much of a command's output is logged, in bytes.
const mostOutput = 64 << 10

// relay writes a command's output to the log, and returns its last line.
func relay(ctx context.Context, output io.ReadSeeker) (last string, err error) {
	if _, err := output.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(output, mostOutput))
	for line := range bytes.Lines(text) {
		last = strings.ToValidUTF8(strings.TrimSpace(string(line)), "�")
		zerolog.Ctx(ctx).Info().Str("from", "sampler.remote.reload").Msg(last)
	}
	return last, err
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./@:+=,-]+$`)

// quoted is a path as a word of a shell's command.
func quoted(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
