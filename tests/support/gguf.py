"""A reader of GGUF, and what texport must have made of a model: gguf.py MODEL.jsonl VOCAB.jsonl FILE.gguf TYPE
MODEL.jsonl and VOCAB.jsonl are what `tdump --jsonl' says of the model and its vocabulary. Prints the architecture, the number of
tensors and of those of each type. Rounding is computed here with Python's numbers."""
import json
import math
import struct
import sys
from fractions import Fraction

KINDS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q8_0, BF16 = 0, 1, 8, 30


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, code):
        x = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return x

    def string(self):
        n = self.number("Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            item, n = self.number("I"), self.number("Q")
            return [self.value(item) for _ in range(n)]
        return self.number(KINDS[kind])


def size_of(kind, n):
    return {F32: 4 * n, F16: 2 * n, BF16: 2 * n, Q8_0: n // 32 * 34}[kind]


def read(path):
    """Key-values and tensors: name -> (type, sizes with the fastest first, bytes)."""
    with open(path, "rb") as f:
        r = Reader(f.read())
    assert r.data[:4] == b"GGUF" and len(r.data) % 32 == 0
    r.at = 4
    assert r.number("I") == 3
    ntensors, nkeys = r.number("Q"), r.number("Q")
    keys, infos, tensors = {}, [], {}
    for _ in range(nkeys):
        key = r.string()
        keys[key] = r.value(r.number("I"))
    for _ in range(ntensors):
        name = r.string()
        sizes = [r.number("Q") for _ in range(r.number("I"))]
        infos.append((name, sizes, r.number("I"), r.number("Q")))
    start = end = -(-r.at // 32) * 32
    for name, sizes, kind, offset in infos:
        n = 1
        for s in sizes:
            n *= s
        assert start + offset == end and name not in tensors, name
        tensors[name] = kind, sizes, r.data[end:end + size_of(kind, n)]
        end += -(-size_of(kind, n) // 32) * 32
    assert end == len(r.data) and len(keys) == nkeys
    return keys, tensors


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def brain(x):
    """The nearest number of 16 bits, the even one of two."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    below, above = (bits >> 16 << 16), (bits >> 16 << 16) + 0x10000
    exact = [Fraction(struct.unpack("<f", struct.pack("<I", b))[0]) for b in (below, above)]
    lower, upper = abs(Fraction(x) - exact[0]), abs(exact[1] - Fraction(x))
    take = below if lower < upper or (lower == upper and not below >> 16 & 1) else above
    return struct.pack("<H", take >> 16)


def block(x):
    scale = f32(max(abs(v) for v in x) / 127)
    inverse = f32(1 / scale) if scale else 0
    out = struct.pack("<e", scale)
    for v in x:
        q = f32(v * inverse)
        whole = int(abs(q) + 0.5) # halves away from zero
        out += struct.pack("<b", whole if q >= 0 else -whole)
    return out


def encode(kind, x):
    if kind == F32:
        return struct.pack("<%df" % len(x), *x)
    if kind == F16:
        return struct.pack("<%de" % len(x), *x)
    if kind == BF16:
        return b"".join(map(brain, x))
    return b"".join(block(x[i:i + 32]) for i in range(0, len(x), 32))


NAMES = {"embed.token": "token_embd.weight", "embed.position": "position_embd.weight", "norm.weight": "output_norm.weight",
         "norm.bias": "output_norm.bias", "head.weight": "output.weight"}
PARTS = {"norm1": "attn_norm", "norm2": "ffn_norm", "query": "attn_q", "key": "attn_k", "value": "attn_v",
         "out": "attn_output", "query_norm": "attn_q_norm", "key_norm": "attn_k_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}


def neighbours(rows, heads):
    """Rows of each head: the halves of a head side by side."""
    size = len(rows) // heads
    out = []
    for h in range(heads):
        head = rows[h * size:(h + 1) * size]
        for a, b in zip(head[:size // 2], head[size // 2:]):
            out += [a, b]
    return out


def expected(model, arch, heads, kv_heads):
    """name -> rows"""
    tensors = {}
    for name, rows in model.items():
        if name in ("tokenizer",) or name.startswith(("value.", "score.", "project")):
            continue
        rows = rows if isinstance(rows[0], list) else [[x] for x in rows]
        if name in NAMES:
            tensors[NAMES[name]] = rows
            continue
        _, layer, part, what = name.split(".")
        if arch == "gpt2" and part in ("query", "key", "value"):
            tensors.setdefault("blk.%s.attn_qkv.%s" % (layer, what), []).extend(rows)
            continue
        if arch == "llama" and part in ("query", "key"):
            rows = neighbours(rows, heads if part == "query" else kv_heads)
        tensors["blk.%s.%s.%s" % (layer, PARTS[part], what)] = rows
    return tensors


def divisors(keys):
    """What LLaMA 3's scaling divides frequencies by, by the lengths of their waves."""
    hd, theta = keys["llama.rope.dimension_count"], keys["llama.rope.freq_base"]
    factor, low, high, original = (keys["llama.tenon.rope_" + k] for k in ("factor", "low", "high", "original"))
    for i in range(hd // 2):
        wave = 2 * math.pi * theta ** (2 * i / hd)
        smooth = (original / wave - low) / (high - low)
        yield 1 if wave < original / high else factor if wave > original / low else 1 / ((1 - smooth) / factor + smooth)


def check_divisors(tensors, keys):
    kind, sizes, data = tensors.pop("rope_freqs.weight")
    found, wanted = struct.unpack("<%df" % sizes[0], data), list(divisors(keys))
    assert kind == F32 and len(wanted) == len(found) and all(abs(a / b - 1) < 1e-6 for a, b in zip(found, wanted)), (found, wanted)


def check_tensors(tensors, wanted, type_):
    assert list(tensors) == list(wanted), set(tensors) ^ set(wanted)
    for name, (kind, sizes, data) in tensors.items():
        rows = wanted[name]
        assert sizes == ([len(rows[0]), len(rows)] if len(rows[0]) > 1 else [len(rows)]), name
        plain = len(sizes) == 1 or name.startswith("position")
        assert kind == (F32 if plain else F16 if type_ == Q8_0 and sizes[0] % 32 else type_), name
        assert data == encode(kind, [f32(x) for row in rows for x in row]), name


def spell(data):
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    others = [b for b in range(256) if b not in shown]
    table = {b: chr(b) for b in shown} | {b: chr(256 + i) for i, b in enumerate(others)}
    return "".join(table[b] for b in data)


def check_vocab(keys, vocab):
    spelt = [bytes(t["bytes"]).decode() if t["special"] else spell(t["bytes"]) for t in vocab]
    assert keys["tokenizer.ggml.tokens"] == spelt
    assert keys["tokenizer.ggml.token_type"] == [4 if t["special"] & 2 else 3 if t["special"] else 1 for t in vocab]
    merges = [(t["rank"], t["left"], t["right"]) for t in vocab if t["rank"] >= 0]
    for t in vocab:
        more = t.get("more", [])
        merges += [(more[i + 2], more[i], more[i + 1]) for i in range(0, len(more), 3)]
    merges.sort()
    assert keys["tokenizer.ggml.merges"] == [spelt[a] + " " + spelt[b] for _, a, b in merges]
    assert keys["tokenizer.ggml.model"] == "gpt2"


def main(model, vocab, path, type_):
    with open(model, encoding="utf-8") as f:
        model = json.loads(f.readline())
    with open(vocab, encoding="utf-8") as f:
        vocab = [json.loads(line) for line in f]
    keys, tensors = read(path)
    arch = keys["general.architecture"]
    heads, kv_heads = (keys["%s.attention.head_count%s" % (arch, s)] for s in ("", "_kv"))
    count = len(tensors)
    if "rope_freqs.weight" in tensors:
        check_divisors(tensors, keys)
    check_tensors(tensors, expected(model, arch, heads, kv_heads), {"f32": F32, "f16": F16, "bf16": BF16, "q8_0": Q8_0}[type_])
    check_vocab(keys, vocab)
    kinds = [t[0] for t in tensors.values()]
    print(arch, count, *("%s=%d" % (n, kinds.count(k)) for n, k in
                                (("F32", F32), ("F16", F16), ("BF16", BF16), ("Q8_0", Q8_0)) if k in kinds))
    for key in sorted(keys):
        if not isinstance(keys[key], list):
            print(" ", key, "=", repr(keys[key]))


if __name__ == "__main__":
    main(*sys.argv[1:])
