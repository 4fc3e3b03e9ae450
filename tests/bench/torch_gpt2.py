#!/usr/bin/python3
"""The same work in PyTorch, for tests/bench: torch_gpt2.py WHAT NUMBER ... THREADS [TYPE]

    train LAYERS HEADS WIDTH CONTEXT VOCABULARY BATCH LENGTH THREADS TYPE     a training step; tokens a second
    attention BATCH LENGTH HEADS SIZE THREADS                                 forward and backward; operations a second
    projection TOKENS WIDTH VOCABULARY THREADS                                output projection and loss, likewise
    adamw PARAMETERS THREADS                                                  the optimizer; bytes moved a second

For each line of the standard input one run; answers `RATE PEAK`, units a second and the peak memory of the process in
bytes. TYPE is float32 or bfloat16 (autocast). Needs Debian's python3-torch.
"""
import math
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def attend(q, k, v, mask):
    """Causal attention; q, k, v: (batch, heads, length, size)."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    s = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
    return s.masked_fill(~mask, -math.inf).softmax(3) @ v


def causal(n):
    return torch.tril(torch.ones(n, n, dtype=torch.bool))


class Block(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        b, t, c = x.shape
        q, k, v = (
            a.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for a in self.qkv(self.ln1(x)).split(c, dim=2)
        )
        x = x + self.proj(attend(q, k, v, mask).transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.ln2(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, layers, heads, width, context, vocab):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(heads, width) for _ in range(layers))
        self.ln = nn.LayerNorm(width)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        mask = causal(ids.shape[1])
        for block in self.blocks:
            x = block(x, mask)
        return F.cross_entropy(F.linear(self.ln(x), self.wte.weight).flatten(0, 1), targets.flatten())


def train(layers, heads, width, context, vocab, batch, length, bfloat16=False):
    model = Model(layers, heads, width, context, vocab)
    flat = [p for p in model.parameters() if p.dim() < 2]
    deep = [p for p in model.parameters() if p.dim() >= 2]
    groups = [{"params": deep, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95))
    ids = torch.randint(vocab, (batch, length + 1))

    def run():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            loss = model(ids[:, :-1], ids[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return run, batch * length


def attention(batch, length, heads, size):
    q, k, v = (torch.randn(batch, heads, length, size, requires_grad=True) for _ in range(3))
    mask = causal(length)
    grad = torch.randn(batch, heads, length, size)
    return lambda: attend(q, k, v, mask).backward(grad), 7 * batch * length * length * heads * size


def projection(tokens, width, vocab):
    h = torch.randn(tokens, width, requires_grad=True)
    w = torch.randn(vocab, width, requires_grad=True)
    targets = torch.randint(vocab, (tokens,))
    return lambda: F.cross_entropy(h @ w.T, targets).backward(), 6 * tokens * width * vocab


def adamw(n):
    p = torch.zeros(n, requires_grad=True)
    p.grad = torch.ones(n)
    optimizer = torch.optim.AdamW([p], lr=1e-4)
    return optimizer.step, 7 * 4 * n


def main():
    what, *operands = sys.argv[1:]
    kinds = {"train": train, "attention": attention, "projection": projection, "adamw": adamw}
    extra = {}
    if what == "train":
        extra = {"bfloat16": operands.pop() == "bfloat16"}
    *numbers, threads = map(int, operands)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    run, amount = kinds[what](*numbers, **extra)
    for _ in sys.stdin:
        least, begun = math.inf, time.perf_counter()
        while time.perf_counter() - begun < 0.02 or least == math.inf:  # a run too short for the clock is repeated
            start = time.perf_counter()
            run()
            least = min(least, time.perf_counter() - start)
        print(amount / least, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


if __name__ == "__main__":
    main()
