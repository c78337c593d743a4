"""A Llama in eager PyTorch, of random weights, for the benchmark `pytorch`.

Reads one JSON object per line: {"threads": n} first, then work to do, each answered by one line {"seconds": s}.
  {"work": "train",  "shape": SHAPE, "batch": b, "length": t, "repeat": r}
  {"work": "sample", "shape": SHAPE, "batch": b, "prompt": p, "new": n, "top_p": x}
SHAPE: {"vocab", "hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "tied"}
"""
import functools
import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"{sys.executable} has no PyTorch: {error}")


class Llama:
    def __init__(self, vocab, hidden, intermediate, layers, heads, kv_heads, head_dim, tied):
        def matrix(rows, columns):
            return (torch.randn(rows, columns) * 0.05).requires_grad_()

        def norm():
            return torch.ones(hidden, requires_grad=True)

        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.embedding = matrix(vocab, hidden)
        self.layers = [
            dict(
                norm1=norm(),
                qkv=matrix((heads + 2 * kv_heads) * head_dim, hidden),
                o=matrix(hidden, heads * head_dim),
                norm2=norm(),
                gate_up=matrix(2 * intermediate, hidden),
                down=matrix(hidden, intermediate),
            )
            for _ in range(layers)
        ]
        self.norm = norm()
        self.head = self.embedding if tied else matrix(vocab, hidden)
        self.parameters = [self.embedding, self.norm] + [w for layer in self.layers for w in layer.values()]
        if not tied:
            self.parameters.append(self.head)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4)
        angles = torch.arange(2048)[:, None] * 10000 ** (-torch.arange(0, head_dim, 2) / head_dim)
        self.cos, self.sin = angles.cos(), angles.sin()

    def new_cache(self, batch, length):
        return [[torch.empty(batch, self.kv_heads, length, self.head_dim) for _ in range(2)] for _ in self.layers]

    def hidden(self, ids, cache=None, start=0):
        """ids [batch, time] -> [batch, time, hidden]; with a cache the tokens stand at start, start + 1, ..."""
        batch, length = ids.shape
        end = start + length
        mask = torch.full((length, end), float("-inf")).triu(start + 1) if length > 1 else None
        widths = [self.heads, self.kv_heads, self.kv_heads]
        x = F.embedding(ids, self.embedding)
        for i, w in enumerate(self.layers):
            q, k, v = F.linear(rms_norm(x, w["norm1"]), w["qkv"]).view(batch, length, -1, self.head_dim).split(widths, 2)
            q, k, v = self.rotate(q, start).transpose(1, 2), self.rotate(k, start).transpose(1, 2), v.transpose(1, 2)
            if cache is not None:
                keys, values = cache[i]
                keys[:, :, start:end], values[:, :, start:end] = k, v
                k, v = keys[:, :, :end], values[:, :, :end]
            if self.kv_heads != self.heads:
                k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
            x = x + F.linear(attention(q, k, v, mask).transpose(1, 2).reshape(batch, length, -1), w["o"])
            gate, up = F.linear(rms_norm(x, w["norm2"]), w["gate_up"]).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, w["down"])
        return rms_norm(x, self.norm)

    def rotate(self, x, start):
        cos, sin = self.cos[start:start + x.shape[1], None], self.sin[start:start + x.shape[1], None]
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def train(self, batch, length):
        ids = torch.randint(0, self.head.shape[0], (batch, length + 1))
        self.optimizer.zero_grad(set_to_none=True)
        logits = F.linear(self.hidden(ids[:, :-1]), self.head)
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()

    @torch.no_grad()
    def sample(self, batch, prompt, new, top_p):
        cache, start = self.new_cache(batch, prompt + new), 0
        ids = torch.randint(0, self.head.shape[0], (batch, prompt))
        for _ in range(new):
            x = self.hidden(ids, cache, start)
            start += ids.shape[1]
            p, order = F.linear(x[:, -1], self.head).softmax(-1).sort(-1, descending=True)
            p = p.masked_fill(p.cumsum(-1) - p > top_p, 0)
            ids = order.gather(-1, torch.multinomial(p, 1))


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight


def attention(q, k, v, mask):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores if mask is None else scores + mask).softmax(-1) @ v


@functools.lru_cache(maxsize=None)
def model(shape):
    return Llama(**json.loads(shape))


def answer(**values):
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(json.loads(sys.stdin.readline())["threads"])
    answer(version=torch.__version__, threads=torch.get_num_threads())
    for line in sys.stdin:
        work = json.loads(line)
        llama = model(json.dumps(work["shape"]))
        started = time.perf_counter()
        if work["work"] == "train":
            for _ in range(work["repeat"]):
                llama.train(work["batch"], work["length"])
        else:
            llama.sample(work["batch"], work["prompt"], work["new"], work["top_p"])
        answer(seconds=time.perf_counter() - started)
