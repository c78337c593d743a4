#!/usr/bin/env python3
"""Makes ../llama (a small Llama trained here, with a SentencePiece tokenizer), ../llama3 (random weights in bfloat16, in
shards, with scaled rotary positions), ../adapter (a LoRA adapter of ../llama) and ../safetensors, and the figures that they
must give: ids by sentencepiece, logits and log-probabilities by oracle.py in float64.

Needs Debian's python3-numpy, python3-sentencepiece and python3-torch (to train; some minutes on two cores). With
--keep-weights the weights of ../llama stay, and all else is made anew: training in float32 gives other last bits elsewhere.
"""
import json, os, random, struct, sys
import numpy as np, sentencepiece, torch
import corpus, oracle

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_act": "silu", "max_position_embeddings": 512, "initializer_range": 0.02,
    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "rope_scaling": None, "attention_bias": False, "tie_word_embeddings": True,
    "vocab_size": 512, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"}
TEXTS = ["", " ", "  ", "a", "\n", "\t", "Hello", "Once", " the", "the  cat", "  the  cat  ", "the\n\ncat", "ab\n", "0123456789 and 4 5", "It's Anna's.",
         "naïve café", "日本語", "🦙", "😶\u200d🌫️", "e\u0301", "\u00a0", "\u3000the", "<s> </s> <unk> <0x0A>", "[INST] Hello [/INST]", "▁", " ▁ a", "!?!?,,",
         "Human: What does a goat eat?\n\nAssistant: A goat likes soup best.", "The option which is more helpful would be Assistant A",
         "Anna has a brown horse that lives in the forest.", "\r\n", "x" * 40, "C'était l'été déjà, größer, Ωμέγα, мир"]


def main():
    for name in ("llama", "llama3", "adapter", "safetensors"):
        os.makedirs(os.path.join(DATA, name), exist_ok=True)
    r = random.Random(7)
    texts = [" ".join(corpus.sentence(r) for _ in range(6)) for _ in range(600)]
    for i in range(600):
        earlier, (question, good, _) = corpus.dialogue(r, 1 + i % 2)
        texts.append("\n".join(f"{'User' if role == 'user' else 'Assistant'}: {text}" for role, text in [*earlier, ("user", question), ("assistant", good)]))
    # A judge's words, so that prompts for one do not fall apart into letters.
    texts += ["Which is the more helpful, harmless, and honest assistant from a given context? Please choose either A or B. Assistant A: Assistant B:\n"
              "Sure! The option which is more helpful, harmless, and honest would be Assistant"] * 30
    pieces = tokenizer(texts)
    if "--keep-weights" not in sys.argv:
        train([[1, *pieces.encode(t), 2] for t in texts])
    llama = oracle.Llama(os.path.join(DATA, "llama"))
    sample = [1, *pieces.encode("Anna has a brown horse that lives in the forest. In the morning the owl eats honey and sleeps near the harbour. Omar took a brush."
                                " It didn't rain, so everybody walked from the market to the river, and after 12 minutes nobody was there.")][:64]
    write_json("llama/golden.json", llama.golden(sample))
    prompt = [1, *pieces.encode("Anna has a")]
    from_bos, from_prompt = llama.greedy([1], 120), llama.greedy(prompt, 40)
    assert 2 not in from_prompt
    write_json("llama/greedy.json", {"ids": from_bos, "text": pieces.decode(from_bos), "prompt": pieces.decode(prompt),
                                     "continuation": pieces.decode(from_prompt[len(prompt):])})
    adapter(llama, sample)
    llama3(sample)
    rows = {"ints": ("I32", [3], struct.pack("<3i", 1, -2, 3)), "doubles": ("F64", [2, 1], struct.pack("<2d", 0.5, -3.0)),
            "floats": ("F32", [2, 1, 2], struct.pack("<4f", 1.5, -0.25, 1e-30, 3e38))}
    for name, entry in rows.items():
        write_safetensors(f"safetensors/{name}.safetensors", {f"some.{name}": entry})


def tokenizer(texts):
    """A SentencePiece model with the settings of Llama 2's, the same as tokenizer.json, and the ids of some texts."""
    prefix = os.path.join(DATA, "llama", "tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for t in texts for line in t.split("\n")), model_prefix=prefix, model_type="bpe", vocab_size=512, byte_fallback=True, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, character_coverage=1.0, minloglevel=2)
    os.remove(prefix + ".vocab")
    pieces = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
    write_json("llama/tokenizer_vectors.json", [{"text": t, "ids": pieces.encode(t)} for t in TEXTS])
    # As Hugging Face converts such a model: a pair of pieces merges into a piece, the best score first.
    vocabulary = {pieces.id_to_piece(i): i for i in range(len(pieces))}
    merges = []
    for piece, i in vocabulary.items():
        if pieces.is_byte(i) or pieces.is_control(i) or pieces.is_unknown(i):
            continue
        splits = [(piece[:n], piece[n:]) for n in range(1, len(piece)) if piece[:n] in vocabulary and piece[n:] in vocabulary]
        merges += [(pieces.get_score(i), a, b) for a, b in sorted(splits, key=lambda s: (vocabulary[s[0]], vocabulary[s[1]]))]
    merges.sort(key=lambda m: -m[0])
    special = [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
               for i, c in enumerate(["<unk>", "<s>", "</s>"])]
    write_json("llama/tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                     {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "vocab": vocabulary, "merges": [f"{a} {b}" for _, a, b in merges]}})
    write_json("llama/tokenizer_config.json", {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                                               "tokenizer_class": "LlamaTokenizer"})
    return pieces


def train(sequences):
    """Next-token prediction by Adam, in float32."""
    torch.manual_seed(1)
    c = CONFIG
    hidden, inner, heads, shared = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["num_key_value_heads"]
    dim = hidden // heads
    shapes = {"model.embed_tokens.weight": (c["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        shapes |= {p + "input_layernorm.weight": (hidden,), p + "post_attention_layernorm.weight": (hidden,),
                   p + "self_attn.q_proj.weight": (hidden, hidden), p + "self_attn.k_proj.weight": (shared * dim, hidden),
                   p + "self_attn.v_proj.weight": (shared * dim, hidden), p + "self_attn.o_proj.weight": (hidden, hidden),
                   p + "mlp.gate_proj.weight": (inner, hidden), p + "mlp.up_proj.weight": (inner, hidden), p + "mlp.down_proj.weight": (hidden, inner)}
    w = {name: (torch.ones(shape) if len(shape) == 1 else torch.randn(shape) * 0.08).requires_grad_() for name, shape in shapes.items()}
    stream = torch.tensor([token for s in sequences for token in s])
    time, steps = 128, 400
    angles = torch.outer(torch.arange(time), c["rope_theta"] ** (-2.0 * torch.arange(dim // 2) / dim))
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    mask = torch.triu(torch.full((time, time), -torch.inf), 1)

    def norm(x, name):
        return x * (x.square().mean(-1, keepdim=True) + c["rms_norm_eps"]).rsqrt() * w[name]

    def rotate(x):
        a, b = x[..., :dim // 2], x[..., dim // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    optimizer = torch.optim.Adam(w.values(), lr=1e-2, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for step in range(steps):
        starts = torch.randint(0, len(stream) - time - 1, (16,))
        batch = torch.stack([stream[s:s + time + 1] for s in starts])
        x = w["model.embed_tokens.weight"][batch[:, :-1]]
        for layer in range(c["num_hidden_layers"]):
            p = f"model.layers.{layer}."
            n = norm(x, p + "input_layernorm.weight")
            q = rotate((n @ w[p + "self_attn.q_proj.weight"].T).unflatten(-1, (heads, dim)))
            k = rotate((n @ w[p + "self_attn.k_proj.weight"].T).unflatten(-1, (shared, dim))).repeat_interleave(heads // shared, 2)
            v = (n @ w[p + "self_attn.v_proj.weight"].T).unflatten(-1, (shared, dim)).repeat_interleave(heads // shared, 2)
            scores = (torch.einsum("bthd,bshd->bhts", q, k) / dim ** 0.5 + mask).softmax(-1)
            x = x + torch.einsum("bhts,bshd->bthd", scores, v).flatten(2) @ w[p + "self_attn.o_proj.weight"].T
            n = norm(x, p + "post_attention_layernorm.weight")
            gate = n @ w[p + "mlp.gate_proj.weight"].T
            x = x + (gate * gate.sigmoid() * (n @ w[p + "mlp.up_proj.weight"].T)) @ w[p + "mlp.down_proj.weight"].T
        logits = norm(x, "model.norm.weight") @ w["model.embed_tokens.weight"].T
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(step, loss.item(), file=sys.stderr)
    write_json("llama/config.json", c)
    write_safetensors("llama/model.safetensors", {name: ("F32", list(t.shape), t.detach().numpy().astype("<f4").tobytes()) for name, t in w.items()})


def adapter(llama, ids):
    """A LoRA adapter of random values in PEFT's format, large enough to change what the model says."""
    g = np.random.default_rng(3)
    rank, tensors = 4, {}
    for layer in range(CONFIG["num_hidden_layers"]):
        for module in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"):
            rows, columns = llama.weights[f"model.layers.{layer}.{module}.weight"].shape
            for matrix, shape in (("A", [rank, columns]), ("B", [rows, rank])):
                values = (0.08 * g.standard_normal(shape)).astype("<f4")
                tensors[f"base_model.model.model.layers.{layer}.{module}.lora_{matrix}.weight"] = ("F32", shape, values.tobytes())
    write_safetensors("adapter/adapter_model.safetensors", tensors)
    write_json("adapter/adapter_config.json", {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "../llama", "r": rank, "lora_alpha": 8, "lora_dropout": 0.0,
        "target_modules": ["q_proj", "v_proj", "down_proj"], "bias": "none", "fan_in_fan_out": False, "inference_mode": True})
    write_json("adapter/golden.json", oracle.Llama(os.path.join(DATA, "llama"), os.path.join(DATA, "adapter")).golden(ids))


def llama3(ids):
    """Random weights in bfloat16 over two files. Scaling begins at 64 positions, so that short sequences show it."""
    g = np.random.default_rng(5)
    hidden, inner, layers, heads, shared, dim, vocabulary = 48, 64, 2, 6, 2, 16, 512
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
              "num_attention_heads": heads, "num_key_value_heads": shared, "head_dim": dim, "hidden_act": "silu", "max_position_embeddings": 512,
              "rms_norm_eps": 1e-06, "rope_theta": 500000.0, "tie_word_embeddings": False, "vocab_size": vocabulary, "bos_token_id": 509,
              "eos_token_id": [510, 511], "torch_dtype": "bfloat16",
              "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}
    shapes = {"model.embed_tokens.weight": [vocabulary, hidden]}
    for layer in range(layers):
        p = f"model.layers.{layer}."
        shapes |= {p + "input_layernorm.weight": [hidden], p + "self_attn.q_proj.weight": [heads * dim, hidden], p + "self_attn.k_proj.weight": [shared * dim, hidden],
                   p + "self_attn.v_proj.weight": [shared * dim, hidden], p + "self_attn.o_proj.weight": [hidden, heads * dim], p + "post_attention_layernorm.weight": [hidden],
                   p + "mlp.gate_proj.weight": [inner, hidden], p + "mlp.up_proj.weight": [inner, hidden], p + "mlp.down_proj.weight": [hidden, inner]}
    shapes |= {"model.norm.weight": [hidden], "lm_head.weight": [vocabulary, hidden]}
    files, names = {}, list(shapes)
    for part, part_names in enumerate([names[:8], names[8:]], 1):
        tensors = {}
        for name in part_names:
            values = 1 + 0.1 * g.standard_normal(shapes[name]) if len(shapes[name]) == 1 else 0.3 * g.standard_normal(shapes[name])
            # The upper half of a float32 is a bfloat16, rounded towards zero.
            tensors[name] = ("BF16", shapes[name], (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes())
            files[name] = f"model-0000{part}-of-00002.safetensors"
        write_safetensors(f"llama3/model-0000{part}-of-00002.safetensors", tensors)
    write_json("llama3/model.safetensors.index.json", {"metadata": {"total_size": 2 * sum(int(np.prod(s)) for s in shapes.values())}, "weight_map": files})
    write_json("llama3/config.json", config)
    write_json("llama3/golden.json", oracle.Llama(os.path.join(DATA, "llama3")).golden((ids * 3)[:160]))


def write_safetensors(name, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for tensor, (dtype, shape, raw) in tensors.items():
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(DATA, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_json(name, value):
    with open(os.path.join(DATA, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=None if name.endswith(("golden.json", "greedy.json", "tokenizer.json")) else 1)
        file.write("\n")


if __name__ == "__main__":
    main()
