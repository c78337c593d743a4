"""A Llama forward pass in float64 on numpy, written for plainness: what golden figures come from. It shares nothing with
the product, reads F32 and BF16 safetensors, whole or in shards, and adds a LoRA adapter to the weights (W + scale * B A).
"""
import json, os, struct
import numpy as np


def safetensors(path):
    """The tensors of a file as float64 arrays by name."""
    with open(path, "rb") as file:
        raw = file.read()
    size = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "F32":
            values = np.frombuffer(raw[start:end], "<f4")
        else:
            assert entry["dtype"] == "BF16"
            values = (np.frombuffer(raw[start:end], "<u2").astype("<u4") << 16).view("<f4")
        tensors[name] = values.astype(np.float64).reshape(entry["shape"])
    return tensors


class Llama:
    def __init__(self, folder, adapter=None):
        with open(os.path.join(folder, "config.json")) as file:
            self.config = json.load(file)
        self.weights = {}
        for name in sorted(n for n in os.listdir(folder) if n.endswith(".safetensors")):
            self.weights.update(safetensors(os.path.join(folder, name)))
        if adapter:
            with open(os.path.join(adapter, "adapter_config.json")) as file:
                lora = json.load(file)
            low = safetensors(os.path.join(adapter, "adapter_model.safetensors"))
            for key in (k for k in low if k.endswith(".lora_A.weight")):
                target = key.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
                delta = low[key.replace("lora_A", "lora_B")] @ low[key]
                self.weights[target] = self.weights[target] + lora["lora_alpha"] / lora["r"] * delta

    def frequencies(self):
        """The rotary angle of one position for each pair of dimensions, scaled as Llama 3.1 does where the configuration says so."""
        c = self.config
        dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
        plain = c["rope_theta"] ** (-2.0 * np.arange(dim // 2) / dim)
        scaling = c.get("rope_scaling")
        if scaling is None:
            return plain
        result = []
        for frequency in plain:
            length = 2 * np.pi / frequency
            low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
            high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
            if length < high:
                result.append(frequency)
            elif length > low:
                result.append(frequency / scaling["factor"])
            else:
                smooth = (scaling["original_max_position_embeddings"] / length - scaling["low_freq_factor"]) / (
                    scaling["high_freq_factor"] - scaling["low_freq_factor"])
                result.append((1 - smooth) * frequency / scaling["factor"] + smooth * frequency)
        return np.array(result)

    def logits(self, ids):
        """[time, vocab]: the logits behind every token."""
        c, w = self.config, self.weights
        heads, shared, time = c["num_attention_heads"], c["num_key_value_heads"], len(ids)
        dim = c.get("head_dim", c["hidden_size"] // heads)
        angles = np.outer(np.arange(time), self.frequencies())
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]

        def norm(x, name):
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + c["rms_norm_eps"]) * w[name]

        def rotate(x):
            a, b = x[..., :dim // 2], x[..., dim // 2:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        x = w["model.embed_tokens.weight"][ids]
        for layer in range(c["num_hidden_layers"]):
            p = f"model.layers.{layer}."
            n = norm(x, p + "input_layernorm.weight")
            q = rotate((n @ w[p + "self_attn.q_proj.weight"].T).reshape(time, heads, dim))
            k = rotate((n @ w[p + "self_attn.k_proj.weight"].T).reshape(time, shared, dim)).repeat(heads // shared, 1)
            v = (n @ w[p + "self_attn.v_proj.weight"].T).reshape(time, shared, dim).repeat(heads // shared, 1)
            scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(dim) + np.triu(np.full((time, time), -np.inf), 1)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            x = x + np.einsum("hts,shd->thd", scores, v).reshape(time, heads * dim) @ w[p + "self_attn.o_proj.weight"].T
            n = norm(x, p + "post_attention_layernorm.weight")
            gate, up = n @ w[p + "mlp.gate_proj.weight"].T, n @ w[p + "mlp.up_proj.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[p + "mlp.down_proj.weight"].T
        head = w["model.embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]
        return norm(x, "model.norm.weight") @ head.T

    def golden(self, ids):
        """Log-probabilities of the tokens of a sequence, each given those before it, and two rows of logits."""
        logits = self.logits(ids)
        most = logits.max(-1, keepdims=True)
        logps = logits - most - np.log(np.exp(logits - most).sum(-1, keepdims=True))
        each = [float(logps[t, ids[t + 1]]) for t in range(len(ids) - 1)]
        return {"ids": ids, "token_logps": each, "sum_logp": sum(each), "logits_pos0": logits[0].tolist(), "logits_last": logits[-1].tolist()}

    def greedy(self, ids, count):
        """The most likely continuation. Refuses one in which two tokens are too near for another precision to choose as this one."""
        ids = list(ids)
        for _ in range(count):
            last = self.logits(ids)[-1]
            best, second = np.sort(last)[-1], np.sort(last)[-2]
            assert best - second > 1e-3, f"the best two of token {len(ids)} are {best - second} apart"
            ids.append(int(last.argmax()))
        return ids
