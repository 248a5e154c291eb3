"""llama.cpp as a peer of sample.py, by llama-cpp-python and gguf where they are
installed: the model of a folder written as GGUF in fp32, many sequences in one
batch, a prompt computed once and its cache shared with all its responses."""

import ctypes
import json
from pathlib import Path

ROWS = 60  # sequences at once


def convert(folder, path):
    """Write a transformers Llama as GGUF, without a vocabulary."""
    import gguf
    from safetensors.numpy import load_file

    c = json.loads((Path(folder) / "config.json").read_text())
    weights = load_file(Path(folder) / "model.safetensors")
    heads, groups = c["num_attention_heads"], c["num_key_value_heads"]
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_vocab_size(c["vocab_size"])
    w.add_tokenizer_model("no_vocab")
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_block_count(c["num_hidden_layers"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(groups)
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_rope_dimension_count(c["hidden_size"] // heads)
    w.add_rope_freq_base((c.get("rope_parameters") or c).get("rope_theta", 10000.0))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, c["num_hidden_layers"])
    for name, x in weights.items():
        for part, n in (("q_proj", heads), ("k_proj", groups)):
            if part in name:  # halves of a head side by side: llama.cpp turns neighbours
                x = x.reshape(n, 2, -1, x.shape[1]).swapaxes(1, 2).reshape(x.shape)
        w.add_tensor(names.get_name(name, try_suffixes=(".weight",)), x.copy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


class Llama:
    def __init__(self, folder, threads, exact=False):
        """exact does without flash attention, whose CPU kernel rounds to half precision."""
        import llama_cpp as l

        self.l = l
        quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.quiet = quiet  # which must outlive the model
        l.llama_log_set(quiet, None)
        path = Path(folder) / "model.gguf"
        convert(folder, path)
        self.model = l.llama_model_load_from_file(str(path).encode(), l.llama_model_default_params())
        p = l.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch = ROWS * 512, 2048, 512
        p.n_seq_max, p.kv_unified = ROWS, True
        p.type_k = p.type_v = l.GGML_TYPE_F32
        if exact:
            p.flash_attn_type = l.LLAMA_FLASH_ATTN_TYPE_DISABLED
        p.n_threads = p.n_threads_batch = threads
        self.context = l.llama_init_from_model(self.model, p)
        if not self.context:
            raise RuntimeError("llama.cpp cannot open the model")

    def decode(self, rows):
        """rows are (token, position, sequence, whether its logits are wanted)."""
        batch = self.l.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = sequence, wanted
        status = self.l.llama_decode(self.context, batch)
        self.l.llama_batch_free(batch)
        if status:
            raise RuntimeError(f"llama_decode: {status}")

    def sampler(self, temperature, top_p, seed):
        l = self.l
        chain = l.llama_sampler_chain_init(l.llama_sampler_chain_default_params())
        if temperature:
            parts = [l.llama_sampler_init_top_p(top_p, 1)] if top_p < 1 else []
            parts += [l.llama_sampler_init_temp(temperature), l.llama_sampler_init_dist(seed)]
        else:
            parts = [l.llama_sampler_init_greedy()]
        for part in parts:
            l.llama_sampler_chain_add(chain, part)
        return chain

    def generate(self, ids, limits, temperature, top_p):
        """Waves of ROWS responses, prompts of similar length and limit together;
        a response leaves its wave when it ends."""
        l, n = self.l, len(limits[0])
        memory = l.llama_get_memory(self.context)
        order = sorted(range(len(ids)), key=lambda i: (max(limits[i]), len(ids[i])))
        out = [None] * (len(ids) * n)
        for at in range(0, len(order), ROWS // n):
            l.llama_memory_clear(memory, True)
            live = []
            for place, i in enumerate(order[at : at + ROWS // n]):
                first = place * n
                self.decode([(t, k, first, k == len(ids[i]) - 1) for k, t in enumerate(ids[i])])
                for k in range(n):
                    chain = self.sampler(temperature, top_p, i * n + k)
                    made = [l.llama_sampler_sample(chain, self.context, -1)]
                    if k:
                        l.llama_memory_seq_cp(memory, first, first + k, -1, -1)
                    live.append((first + k, len(ids[i]), limits[i][k], chain, made))
                    out[i * n + k] = made
            while live := [row for row in live if len(row[4]) < row[2]]:
                self.decode([(made[-1], start + len(made) - 1, sequence, True) for sequence, start, _, _, made in live])
                for place, (_, _, _, chain, made) in enumerate(live):
                    made.append(l.llama_sampler_sample(chain, self.context, place))
        return out
