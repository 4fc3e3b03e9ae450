#!/usr/bin/python3
"""hf_folder.py FAMILY FOLDER [--type F32|F16|BF16] [--shards N] [--set KEY=JSON] [--drop NAME] [--add NAME=SHAPE]
                [--rename OLD=NEW] [--reshape NAME=SHAPE] [--copy NEW=OLD] [--buffer NAME=KIND:N] [--bare] [--vocab N]

A small model with pseudo-random weights as Hugging Face's libraries save one, and rows.safetensors, a batch of ids
and labels. FAMILY is gpt2, llama, mistral, qwen2, qwen3, bert or roberta. --set changes config.json,
the others the tensors; shapes are like 3x4, kinds of buffers causal, low, turns, count and nan. --bare leaves the language
head and the model's prefix away; --vocab gives it N tokens instead of 37."""
import argparse
import json
import math
import os
import struct

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}


class Random:
    """A linear congruential generator, so that the folder is the same everywhere."""

    def __init__(self):
        self.state = 12345

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 33

    def number(self):
        return (self.next() / 2**30 - 1) * 0.4


def encode(dtype, values):
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack("<%d%s" % (len(values), {"F32": "f", "F16": "e", "I64": "q"}[dtype]), *values)


def save(path, tensors):
    """As the original library does: sorted by name, the header padded to 8 bytes."""
    header, data, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        dtype, shape, bytes_ = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(bytes_)]}
        data.append(bytes_)
        at += len(bytes_)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def gpt2():
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 37, "n_positions": 16, "n_embd": 24,
              "n_layer": 2, "n_head": 3, "n_inner": None, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}
    t = {"transformer.wte.weight": (37, 24), "transformer.wpe.weight": (16, 24)}
    for i in range(2):
        b = "transformer.h.%d." % i
        t.update({b + "ln_1.weight": (24,), b + "ln_1.bias": (24,), b + "attn.c_attn.weight": (24, 72),
                  b + "attn.c_attn.bias": (72,), b + "attn.c_proj.weight": (24, 24), b + "attn.c_proj.bias": (24,),
                  b + "ln_2.weight": (24,), b + "ln_2.bias": (24,), b + "mlp.c_fc.weight": (24, 96), b + "mlp.c_fc.bias": (96,),
                  b + "mlp.c_proj.weight": (96, 24), b + "mlp.c_proj.bias": (24,)})
    t.update({"transformer.ln_f.weight": (24,), "transformer.ln_f.bias": (24,)})
    return config, t


def llama(family):
    names = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM",
             "qwen3": "Qwen3ForCausalLM"}
    config = {"architectures": [names[family]], "model_type": family, "vocab_size": 37, "hidden_size": 24, "intermediate_size": 40,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
              "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": family in ("qwen2", "qwen3")}
    head = 6
    if family == "llama":
        config["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                  "original_max_position_embeddings": 16}
    if family == "mistral":
        config["head_dim"] = head = 8
        config["sliding_window"] = None
    if family == "qwen3":
        config.update({"head_dim": 10, "rope_theta": 1000000.0, "attention_bias": False, "use_sliding_window": False, "sliding_window": None,
                       "max_window_layers": 2})
        head = 10
    t = {"model.embed_tokens.weight": (37, 24)}
    for i in range(2):
        b = "model.layers.%d." % i
        t.update({b + "input_layernorm.weight": (24,), b + "self_attn.q_proj.weight": (4 * head, 24),
                  b + "self_attn.k_proj.weight": (2 * head, 24), b + "self_attn.v_proj.weight": (2 * head, 24),
                  b + "self_attn.o_proj.weight": (24, 4 * head), b + "post_attention_layernorm.weight": (24,),
                  b + "mlp.gate_proj.weight": (40, 24), b + "mlp.up_proj.weight": (40, 24), b + "mlp.down_proj.weight": (24, 40)})
        if family == "qwen2":
            t.update({b + "self_attn.q_proj.bias": (24,), b + "self_attn.k_proj.bias": (12,), b + "self_attn.v_proj.bias": (12,)})
        if family == "qwen3":
            t.update({b + "self_attn.q_norm.weight": (head,), b + "self_attn.k_norm.weight": (head,)})
    t["model.norm.weight"] = (24,)
    if not config["tie_word_embeddings"]:
        t["lm_head.weight"] = (37, 24)
    return config, t


def bert(family):
    roberta = family == "roberta"
    config = {"architectures": ["RobertaForMaskedLM" if roberta else "BertForMaskedLM"], "model_type": family, "vocab_size": 37,
              "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3,
              "max_position_embeddings": 18 if roberta else 16, "type_vocab_size": 1 if roberta else 2, "hidden_act": "gelu",
              "layer_norm_eps": 1e-5 if roberta else 1e-12, "pad_token_id": 1 if roberta else 0}
    e = family + ".embeddings."
    t = {e + "word_embeddings.weight": (37, 24), e + "position_embeddings.weight": (config["max_position_embeddings"], 24),
         e + "token_type_embeddings.weight": (config["type_vocab_size"], 24), e + "LayerNorm.weight": (24,), e + "LayerNorm.bias": (24,)}
    for i in range(2):
        b = "%s.encoder.layer.%d." % (family, i)
        for name, rows, cols in (("attention.self.query", 24, 24), ("attention.self.key", 24, 24), ("attention.self.value", 24, 24),
                                 ("attention.output.dense", 24, 24), ("intermediate.dense", 40, 24), ("output.dense", 24, 40)):
            t.update({b + name + ".weight": (rows, cols), b + name + ".bias": (rows,)})
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            t.update({b + name + ".weight": (24,), b + name + ".bias": (24,)})
    dense, norm, bias = (("lm_head.dense", "lm_head.layer_norm", "lm_head.bias") if roberta else
                         ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"))
    t.update({dense + ".weight": (24, 24), dense + ".bias": (24,), norm + ".weight": (24,), norm + ".bias": (24,), bias: (37,)})
    return config, t


def shape_of(text):
    return [int(n) for n in text.split("x")] if text else []


def make(args):
    config, shapes = (gpt2() if args.family == "gpt2" else
                      bert(args.family) if args.family.endswith("bert") or args.family == "roberta" else llama(args.family))
    config["vocab_size"] = args.vocab
    shapes = {name: [args.vocab if n == 37 else n for n in shape] for name, shape in shapes.items()}
    random, tensors = Random(), {}
    if args.bare:
        config["architectures"] = [{"gpt2": "GPT2", "llama": "Llama", "bert": "Bert", "roberta": "Roberta"}[args.family] + "Model"]
        shapes = {n.split(".", 1)[1]: s for n, s in shapes.items() if not n.startswith(("lm_head.", "cls."))}
    for name, shape in [(n, s) for n, s in shapes.items()] + [(a.split("=")[0], shape_of(a.split("=")[1])) for a in args.add]:
        size = 1
        for n in shape:
            size *= n
        norm = len(shape) == 1 and name.endswith("weight")
        tensors[name] = [args.type, list(shape), encode(args.type, [random.number() + norm for _ in range(size)])]
    for name in args.drop:
        del tensors[name]
    for old, new in (r.split("=") for r in args.rename):
        tensors[new] = tensors.pop(old)
    for new, old in (r.split("=") for r in args.copy):
        tensors[new] = tensors[old]
    for name, kind in (r.split("=") for r in args.buffer):
        kind, n = kind.split(":")
        n = int(n)
        made = {"causal": ([1, 1, n, n], [float(j <= i) for i in range(n) for j in range(n)]), "low": ([], [-1e4]),
                "turns": ([n // 2], [10000.0 ** (-2 * i / n) for i in range(n // 2)]), "nan": ([n], [math.nan] * n),
                "count": ([1, n], list(range(n)))}[kind]
        dtype = "I64" if kind == "count" else "F32"
        tensors[name] = [dtype, made[0], encode(dtype, made[1])]
    for name, shape in (r.split("=") for r in args.reshape):
        tensors[name][1] = shape_of(shape)
    for key, value in (s.split("=", 1) for s in args.set):
        config[key] = json.loads(value)
    return config, tensors


def rows(family, vocab):
    random = Random()
    ids = [random.next() % (vocab - 4) + 4 for _ in range(3 * 13)]
    t = {"input_ids": ["I64", [3, 13], encode("I64", ids)]}
    labels = ids
    if "bert" in family:
        labels = [x if i % 3 == 0 else -100 for i, x in enumerate(ids)]
        t["attention_mask"] = ["I64", [3, 13], encode("I64", [1] * 39)]
    t["labels"] = ["I64", [3, 13], encode("I64", labels)]
    return t


def main():
    p = argparse.ArgumentParser()
    p.add_argument("family")
    p.add_argument("folder")
    p.add_argument("--type", default="F32")
    p.add_argument("--shards", type=int, default=0)
    p.add_argument("--vocab", type=int, default=37)
    p.add_argument("--bare", action="store_true")
    for name in ("--set", "--drop", "--add", "--rename", "--reshape", "--copy", "--buffer"):
        p.add_argument(name, action="append", default=[])
    args = p.parse_args()
    config, tensors = make(args)
    os.makedirs(args.folder)
    with open(args.folder + "/config.json", "w") as f:
        json.dump(config, f, indent=2)
    save(args.folder + "/rows.safetensors", rows(args.family, args.vocab))
    if not args.shards:
        return save(args.folder + "/model.safetensors", tensors)
    names, placed = sorted(tensors), {}
    for i in range(args.shards):
        file = "model-%05d-of-%05d.safetensors" % (i + 1, args.shards)
        part = names[i::args.shards]
        save(args.folder + "/" + file, {n: tensors[n] for n in part})
        placed.update({n: file for n in part})
    with open(args.folder + "/model.safetensors.index.json", "w") as f:
        json.dump({"metadata": {"total_size": sum(len(t[2]) for t in tensors.values())}, "weight_map": placed}, f, indent=2)


main()
