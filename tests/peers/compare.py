"""compare.py ask TEXTS CHATS COMPLETIONS FORM: the questions for llama.mjs, from JSON lines of texts, chats and tgen's
records; FORM nfc: the texts in normal form C, as who runs llama.cpp gives them to a model that wants it; else as they are.
compare.py judge TOKENS CHATS COMPLETIONS ANSWER EXACT: how the answer agrees with the records of ttok, tchat and tgen, each
line 0 or 1 (it does not), a tab and what was compared. EXACT 1: the same greedy tokens, and log-probabilities within 1e-3;
0: log-probabilities within 0.05 on average."""
import json
import sys
import unicodedata


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def tell(ok, what):
    print("%d\t%s" % (not ok, what))


def ask(texts, chats, completions, form):
    texts = [t["text"] for t in lines(texts)]
    if form == "nfc":
        texts = [unicodedata.normalize("NFC", t) for t in texts]
    print(json.dumps({"texts": texts, "chats": [c["messages"] for c in lines(chats)],
                      "continued": [{"ids": c["ids"], "prompt_length": c["prompt_length"]} for c in lines(completions)]}))


def judge(tokens, chats, completions, answer, exact):
    said = lines(answer)[0]
    # ttok puts the tokens that begin and end a text around it
    ours = lines(tokens)
    begin = [] if said["begins"] is None else [said["begins"]]
    same = sum(o["ids"][len(begin):-1] == t for o, t in zip(ours, said["texts"], strict=True))
    tell(same == len(ours), "%d of %d texts are the same tokens" % (same, len(ours)))
    tell(all(o["ids"][:len(begin)] == begin and o["ids"][-1] == said["eos"] for o in ours), "the same tokens around a text")
    # a row of tchat has what is read: not the last token, which is only foretold
    ours = lines(chats)
    same = sum(o["ids"] == t[:-1] for o, t in zip(ours, said["chats"], strict=True))
    tell(same == len(ours), "%d of %d chats are the same tokens" % (same, len(ours)))
    done = lines(completions)
    greedy, most, total, n = 0, 0.0, 0.0, 0
    for c, t in zip(done, said["continued"], strict=True):
        greedy += c["ids"][c["prompt_length"]:] == t["greedy"]
        for a, b in zip(c["logprobs"], t["logp"], strict=True):
            most, total, n = max(most, abs(a - b)), total + abs(a - b), n + 1
    what = "%d of %d greedy continuations are the same; log-probabilities of %d tokens differ by %.1e on average, at most %.1e" % (
        greedy, len(done), n, total / n, most)
    tell(greedy == len(done) and most <= 1e-3 if exact == "1" else total / n <= 0.05, what)


{"ask": ask, "judge": judge}[sys.argv[1]](*sys.argv[2:])
