#!/usr/bin/python3
"""torch_logits.py FOLDER ROWS.safetensors - a model of a folder of Hugging Face's in plain PyTorch.

Prints the mean loss of the labels in ROWS, and if ROWS has logits, the largest difference from them. Written from the papers
and the names of the tensors, so that a wrong layout, name or setting shows."""
import json
import math
import struct
import sys

import torch
from torch.nn.functional import gelu, layer_norm, silu

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            x = torch.frombuffer(bytearray(data[8 + n + begin:8 + n + end]), dtype=TYPES[t["dtype"]]).reshape(t["shape"])
            tensors[name] = x if t["dtype"] == "I64" else x.double()
    return tensors


def attend(q, k, v, heads, kv_heads, causal):
    """q (rows, n, heads * size), k and v with kv_heads."""
    rows, n, _ = q.shape
    q = q.reshape(rows, n, heads, -1).transpose(1, 2)
    k = k.reshape(rows, n, kv_heads, -1).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    v = v.reshape(rows, n, kv_heads, -1).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    if causal is not None:
        scores = scores.masked_fill(~causal, -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, n, -1)


def gpt2(c, w, ids):
    n, eps = ids.shape[1], c["layer_norm_epsilon"]
    width = c["n_embd"]
    causal = torch.ones(n, n, dtype=torch.bool).tril()
    norm = lambda x, name: layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"], eps)
    dense = lambda x, name: x @ w[name + ".weight"] + w[name + ".bias"]
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][:n]
    for i in range(c["n_layer"]):
        b = "transformer.h.%d." % i
        q, k, v = dense(norm(x, b + "ln_1"), b + "attn.c_attn").split(width, 2)
        x = x + dense(attend(q, k, v, c["n_head"], c["n_head"], causal), b + "attn.c_proj")
        x = x + dense(gelu(dense(norm(x, b + "ln_2"), b + "mlp.c_fc"), approximate="tanh"), b + "mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w.get("lm_head.weight", w["transformer.wte.weight"]).T


def frequencies(c, size):
    w = c["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    s = c.get("rope_scaling")
    if not s:
        return w
    if s["rope_type"] == "linear":
        return w / s["factor"]
    low, high, original = s["low_freq_factor"], s["high_freq_factor"], s["original_max_position_embeddings"]
    out = []
    for x in w.tolist():
        wave = 2 * math.pi / x
        smooth = (original / wave - low) / (high - low)
        out.append(x if wave < original / high else x / s["factor"] if wave > original / low
                   else (1 - smooth) * x / s["factor"] + smooth * x)
    return torch.tensor(out, dtype=torch.float64)


def llama(c, w, ids):
    n, heads, kv = ids.shape[1], c["num_attention_heads"], c["num_key_value_heads"]
    size = c.get("head_dim") or c["hidden_size"] // heads
    causal = torch.ones(n, n, dtype=torch.bool).tril()
    angle = torch.outer(torch.arange(n, dtype=torch.float64), frequencies(c, size))
    co, si = angle.cos()[:, None, :], angle.sin()[:, None, :]
    norm = lambda x, name: x * (x.pow(2).mean(-1, keepdim=True) + c["rms_norm_eps"]).rsqrt() * w[name + ".weight"]

    def dense(x, name):
        return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)

    def turn(x, count):
        a, b = x.reshape(*x.shape[:2], count, size).split(size // 2, 3)
        return torch.cat((a * co - b * si, b * co + a * si), 3).reshape(x.shape)

    def norm_heads(x, count, name):
        return norm(x.reshape(*x.shape[:2], count, size), name).reshape(x.shape) if name + ".weight" in w else x

    x = w["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        b = "model.layers.%d." % i
        y = norm(x, b + "input_layernorm")
        q, k, v = (dense(y, b + "self_attn.%s_proj" % p) for p in "qkv")
        q, k = norm_heads(q, heads, b + "self_attn.q_norm"), norm_heads(k, kv, b + "self_attn.k_norm")
        x = x + dense(attend(turn(q, heads), turn(k, kv), v, heads, kv, causal), b + "self_attn.o_proj")
        y = norm(x, b + "post_attention_layernorm")
        x = x + dense(silu(dense(y, b + "mlp.gate_proj")) * dense(y, b + "mlp.up_proj"), b + "mlp.down_proj")
    return norm(x, "model.norm") @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


def bert(c, w, ids, types, mask):
    n, width, heads, p = ids.shape[1], c["hidden_size"], c["num_attention_heads"], c["model_type"]
    first = 2 if p == "roberta" else 0
    norm = lambda x, name: layer_norm(x, (width,), w[name + ".weight"], w[name + ".bias"], c["layer_norm_eps"])
    dense = lambda x, name: x @ w[name + ".weight"].T + w[name + ".bias"]
    e = p + ".embeddings."
    x = norm(w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][first:first + n] +
             w[e + "token_type_embeddings.weight"][types], e + "LayerNorm")
    for i in range(c["num_hidden_layers"]):
        b = "%s.encoder.layer.%d." % (p, i)
        q, k, v = (dense(x, b + "attention.self." + s) for s in ("query", "key", "value"))
        x = norm(x + dense(attend(q, k, v, heads, heads, mask[:, None, None, :]), b + "attention.output.dense"),
                 b + "attention.output.LayerNorm")
        x = norm(x + dense(gelu(dense(x, b + "intermediate.dense")), b + "output.dense"), b + "output.LayerNorm")
    dense_name, norm_name, bias = (("lm_head.dense", "lm_head.layer_norm", "lm_head.bias") if first else
                                   ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"))
    return norm(gelu(dense(x, dense_name)), norm_name) @ w[e + "word_embeddings.weight"].T + w[bias]


def main():
    folder, rows = sys.argv[1], load(sys.argv[2])
    with open(folder + "/config.json") as f:
        c = json.load(f)
    w, ids, labels = load(folder + "/model.safetensors"), rows["input_ids"], rows["labels"]
    if c["model_type"] in ("bert", "roberta"):
        mask = rows["attention_mask"] > 0
        logits = bert(c, w, ids, rows.get("token_type_ids", torch.zeros_like(ids)), mask)
    else:
        logits, mask = (gpt2 if c["model_type"] == "gpt2" else llama)(c, w, ids), torch.ones_like(ids) > 0
        labels = torch.cat((labels[:, 1:], torch.full_like(labels[:, :1], -100)), 1)
    kept = labels >= 0
    print("loss: %.6f" % -logits.log_softmax(-1)[kept].gather(1, labels[kept][:, None]).mean().item())
    if "logits" in rows:
        print("logits differ by %.1e" % (logits - rows["logits"])[mask].abs().max().item())


main()
