package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/hub"
	"radpo/pipeline"
)

func downloadVerb() *cobra.Command {
	var revision, tokenEnv string
	cmd := &cobra.Command{
		Use:   "download ORG/NAME[@REVISION]",
		Short: "A model from the Hugging Face Hub into the shared cache",
		Long: `Brings what radpo reads of a model, its safetensors weights, configuration,
tokenizer and chat template, into the cache that Python shares (HF_HUB_CACHE,
else HF_HOME/hub), and prints the folder. --model ORG/NAME[@REVISION] and
"model: ORG/NAME" find it there; no other verb uses the network for models.

A download that was cut continues where it ended. Every file is checked by its
hash. HF_ENDPOINT names another hub; the token goes nowhere but there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if revision != "" {
				args[0] += "@" + revision
			}
			name, err := hf.ParseName(args[0])
			if err != nil {
				return &pipeline.InputError{Err: err}
			}
			token := strings.TrimSpace(os.Getenv(tokenEnv))
			if token == "" && cmd.Flags().Changed("token-env") {
				return &pipeline.InputError{Err: fmt.Errorf("the environment variable %s, which should hold the token, is not set", tokenEnv)}
			}
			h, err := hub.New(cmp.Or(os.Getenv("HF_ENDPOINT"), "https://huggingface.co"), token)
			if err != nil {
				return &pipeline.InputError{Err: err}
			}
			dir, err := h.Download(cmd.Context(), name)
			if errors.Is(err, context.Canceled) {
				return flow.ErrInterrupted
			} else if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), dir)
			return err
		},
	}
	cmd.Flags().StringVar(&revision, "revision", "", "branch, tag, reference or commit (default main)")
	cmd.Flags().StringVar(&tokenEnv, "token-env", "HF_TOKEN", "environment variable that holds the token")
	return cmd
}
