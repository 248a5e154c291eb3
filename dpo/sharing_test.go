package dpo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// An account is what a process tells of three steps.
type account struct {
	Losses []float64
	Norm   float64 // of all gradients of the last step
	Stays  int64   // bytes of tensors that a training keeps
	Wanted int64   // the same, forecast
	Most   int64   // bytes more that a step takes
	RSS    int64   // resident, at the most
}

// launchSteps runs three steps in so many processes; model is a folder.
func launchSteps(t *testing.T, size int, model string, c configs.DPO, dtype string) []account {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("processes need a socket: %v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	settings, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmds := make([]*exec.Cmd, size)
	outs, logs := make([]bytes.Buffer, size), make([]bytes.Buffer, size)
	for rank := range cmds {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestStepsProcess$", "-test.v")
		cmd.Env = append(os.Environ(), fmt.Sprint("WORLD_SIZE=", size), fmt.Sprint("RANK=", rank), "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", port),
			"RADPO_TEST_MODEL="+model, "RADPO_TEST_CONFIG="+string(settings), "RADPO_TEST_DTYPE="+dtype)
		cmd.Stdout, cmd.Stderr = &outs[rank], &logs[rank]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds[rank] = cmd
	}
	accounts := make([]account, size)
	for rank, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("process %d: %v\n%s%s", rank, err, outs[rank].String(), logs[rank].String())
		}
		_, text, _ := strings.Cut(outs[rank].String(), "account ")
		line, _, _ := strings.Cut(text, "\n")
		if err := json.Unmarshal([]byte(line), &accounts[rank]); err != nil {
			t.Fatalf("process %d: %v in %q", rank, err, outs[rank].String())
		}
	}
	return accounts
}

// TestStepsProcess is one process of launchSteps.
func TestStepsProcess(t *testing.T) {
	folder := os.Getenv("RADPO_TEST_MODEL")
	if folder == "" {
		t.Skip("another test starts it")
	}
	c := TrainConfig{DType: os.Getenv("RADPO_TEST_DTYPE"), Device: "cpu"}
	if err := json.Unmarshal([]byte(os.Getenv("RADPO_TEST_CONFIG")), &c.DPO); err != nil {
		t.Fatal(err)
	}
	group, err := torch.Join()
	if err != nil {
		t.Fatal(err)
	}
	o, err := newObjective(c.DPO)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var rows []row
	for i := range 8 {
		rows = append(rows, row{id: fmt.Sprint(i), prompt: randomIDs(rng, 64), chosen: randomIDs(rng, 48), rejected: randomIDs(rng, 48)})
	}
	a := account{}
	torch.SetThreads(1)
	err = withFolder(t.Context(), folder, c.DType, c.Device, func(s *torch.Scope, f *hf.Folder, d torch.DType) error {
		var tr *trainer
		a.Stays, _ = s.Metered(func(s *torch.Scope) { tr, err = newTrainer(s, f, d, c, group) })
		if err != nil {
			return err
		}
		tr.objective, tr.rows = o, rows
		params := int64(0)
		for _, shape := range tr.opt.shapes {
			params += shape[0] * append(shape, 1)[1]
		}
		kept := Forecast(c.DPO, c.DType, tr.policy.Config(), params, params, int64(group.Size()))
		a.Wanted = kept.Weights + kept.Gradients + kept.Moments
		for i := range 3 {
			var m Step
			_, a.Most = s.Metered(func(s *torch.Scope) { m, err = tr.step(t.Context(), s, i) })
			if err != nil {
				return err
			}
			a.Losses, a.Norm = append(a.Losses, m.Loss), m.GradNorm
			tr.history = append(tr.history, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.RSS = resident(t)
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("account %s\n", text)
	if group.Size() > 1 {
		group.Leave(nil)
	}
}

// resident is the most memory that this process has had resident, in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	t.Fatal("/proc/self/status has no VmHWM")
	return 0
}

// TestSharingShowsInMemoryAlone: whatever two processes share, losses and norms
// are the same to the last bit, and those of one process within 1e-6; and each
// stage keeps less than the one before. In bf16 that takes the same micro-batches,
// a pair each: gradients are summed in fp32 over them and over processes, but each
// micro-batch's own are bf16 products, rounded. Two halves of a micro-batch give
// norms that are 1e-4 apart, weights that round otherwise, and losses 1e-3 apart a
// few steps later, as two ways to cut a step in one process do.
func TestSharingShowsInMemoryAlone(t *testing.T) {
	folder := randomLlama(t, map[string]any{
		"vocab_size": 1000, "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 8,
		"num_attention_heads": 4, "num_key_value_heads": 2,
	})
	for _, dtype := range []string{"float32", "bfloat16"} {
		c := goldenConfig()
		c.Batch, c.MicroTokens, c.Epochs, c.LearningRate, c.EMA = 8, 1<<20, 4, 1e-4, 0.9
		if dtype == "bfloat16" {
			c.Moments, c.MicroTokens = "8bit", 64+2*48
		}
		one := launchSteps(t, 1, folder, c, dtype)[0]
		var plain []account
		for _, shard := range shardings {
			c.Shard = shard
			two := launchSteps(t, 2, folder, c, dtype)
			for rank, a := range two {
				t.Logf("%s, %s, process %d of 2: %d KiB stay, %d KiB more at most in a step, %d KiB resident; alone %d, %d, %d",
					dtype, shard, rank, a.Stays>>10, a.Most>>10, a.RSS>>10, one.Stays>>10, one.Most>>10, one.RSS>>10)
				if plain == nil {
					plain = two
				}
				if fmt.Sprint(a.Losses, a.Norm) != fmt.Sprint(plain[rank].Losses, plain[rank].Norm) {
					t.Errorf("%s, %s, process %d: %v and norm %v, without sharing %v and %v", dtype, shard, rank, a.Losses, a.Norm, plain[rank].Losses, plain[rank].Norm)
				}
				if off := float64(a.Stays)/float64(a.Wanted) - 1; math.Abs(off) > 0.02 {
					t.Errorf("%s, %s, process %d: %d bytes stay, %d were forecast", dtype, shard, rank, a.Stays, a.Wanted)
				}
				for i, loss := range a.Losses {
					if !(math.Abs(loss-one.Losses[i]) <= 1e-6) {
						t.Errorf("%s, %s: the loss of step %d is %v, and %v in one process", dtype, shard, i, loss, one.Losses[i])
					}
				}
			}
			if shard != "none" && two[1].Stays >= plain[1].Stays {
				t.Errorf("%s, %s: %d bytes stay, %d without", dtype, shard, two[1].Stays, plain[1].Stays)
			}
			plain[1].Stays = min(plain[1].Stays, two[1].Stays)
		}
	}
}
