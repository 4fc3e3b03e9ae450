#!/usr/bin/python3
"""Times a training step of GPT-2 in PyTorch, to compare with tpretrain.

    /usr/bin/python3 tests/bench/torch_gpt2.py [CASE ...]      (apt-get install python3-torch)

A case is char (nanoGPT's CPU shape: 4 layers, 4 heads, width 128, context 64, batch 12, 65
symbols), gpt2-64 or gpt2-256 (124M parameters, batch 4, that context). A line for each case
and number of threads: the least and the median milliseconds of a step (forward, backward,
clipping, AdamW) and the peak memory of the process. Each runs in a process of its own.
"""
import math
import resource
import statistics
import subprocess
import sys
import time

# layers, heads, width, context, batch, vocabulary, steps timed
CASES = {
    "char": (4, 4, 128, 64, 12, 65, 60),
    "gpt2-64": (12, 12, 768, 64, 4, 50257, 5),
    "gpt2-256": (12, 12, 768, 256, 4, 50257, 3),
}


def build(torch, layers, heads, width, context, vocab):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            mask = torch.tril(torch.ones(context, context, dtype=torch.bool))
            self.register_buffer("mask", mask)

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = (
                a.view(b, t, heads, c // heads).transpose(1, 2)
                for a in self.qkv(self.ln1(x)).split(c, dim=2)
            )
            s = q @ k.transpose(2, 3) / math.sqrt(c // heads)
            s = s.masked_fill(~self.mask[:t, :t], -math.inf).softmax(3)
            x = x + self.proj((s @ v).transpose(1, 2).reshape(b, t, c))
            return x + self.down(F.gelu(self.up(self.ln2(x)), approximate="tanh"))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            self.ln = nn.LayerNorm(width)
            for p in self.parameters():
                if p.dim() > 1:
                    nn.init.normal_(p, std=0.02)

        def forward(self, ids, targets):
            x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
            for block in self.blocks:
                x = block(x)
            logits = self.ln(x) @ self.wte.weight.T
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return Model()


def run(case, threads):
    import torch

    layers, heads, width, context, batch, vocab, steps = CASES[case]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = build(torch, layers, heads, width, context, vocab)
    flat = [p for p in model.parameters() if p.dim() < 2]
    deep = [p for p in model.parameters() if p.dim() >= 2]
    groups = [{"params": deep, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    ids = torch.randint(vocab, (batch, context + 1))
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        loss = model(ids[:, :-1], ids[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        times.append(1e3 * (time.perf_counter() - start))
    times = times[2:]  # the first allocate
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"torch/{case} {threads} threads: {min(times):.1f} ms least,"
        f" {statistics.median(times):.1f} ms median, {peak:.0f} MiB peak"
    )


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--run":
        return run(sys.argv[2], int(sys.argv[3]))
    for case in sys.argv[1:] or CASES:
        if case not in CASES:
            sys.exit(f"{sys.argv[0]}: no case {case!r}; there are {', '.join(CASES)}")
        for threads in (1, 2):
            subprocess.run([sys.executable, __file__, "--run", case, str(threads)], check=True)


if __name__ == "__main__":
    main()
