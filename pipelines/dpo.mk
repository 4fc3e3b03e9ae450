# From judgements of answers straight to a model that prefers the better ones, without a reward model; every intermediate a
# file of its own:
#
#     make -f pipelines/dpo.mk OUT=folder PREFERENCES=judgements.jsonl LOSS=sigmoid
#
# tagree makes one opinion of the raters', tscore notes what the first policy thinks of each answer, tprefer learns. It is
# measured on pairs about other prompts, and by a reward model that has learnt from yet others.
here := $(dir $(lastword $(MAKEFILE_LIST)))
CHATS = $(here)data/chats.jsonl
PREFERENCES = $(here)data/preferences.jsonl
OUT = dpo
SEED = 1

TOKENS = 48
LOSS = sigmoid
BETA = 0.1
STEPS = 60
BATCH = 16
LR = 3e-4
REWARD_STEPS = 60
REWARD_LR = 1e-3
# more options of tprefer, such as --lora 8
OPTIONS =

SETTINGS = $(CHATS) $(PREFERENCES) $(SEED) $(TOKENS) $(LOSS) $(BETA) $(STEPS) $(BATCH) $(LR) $(REWARD_STEPS) $(REWARD_LR) $(OPTIONS)

all: $(OUT)/summary.txt $(OUT)/loss.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; talk to it: $(tool)tgen --chat -m $(OUT)/dpo.ten"

include $(here)feedback.mk
LOSS_OF = record

# one command makes the three
$(OUT)/agreement.txt: $(PREFERENCES) $(OUT)/settings
	$(tool)timport --as preference $(PREFERENCES) | $(tool)tagree --raters $(OUT)/raters.ten -o $(OUT)/consensus.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/consensus.ten: $(OUT)/agreement.txt

# by prompt: to learn from, to choose the best by, to measure with, and for the judge alone
$(OUT)/parts/train.ten: $(OUT)/consensus.ten
	$(tool)tsplit --parts train=0.5,val=0.1,test=0.2,judge=0.2 --key text -s $(SEED) -o $(OUT)/parts/ $(OUT)/consensus.ten
$(OUT)/parts/val.ten $(OUT)/parts/test.ten $(OUT)/parts/judge.ten: $(OUT)/parts/train.ten

$(OUT)/pairs.%.ten: $(OUT)/parts/%.ten $(OUT)/0/policy.ten
	$(tool)tchat -m $(OUT)/0/policy.ten --overlong drop $< | $(tool)tscore --likelihood -m $(OUT)/0/policy.ten -o $@

$(OUT)/dpo.ten: $(OUT)/pairs.train.ten $(OUT)/pairs.val.ten
	$(tool)tprefer -m $(OUT)/0/policy.ten --loss $(LOSS) --beta $(BETA) --eval $(OUT)/pairs.val.ten --eval-every 10 --warmup 10 \
	    --steps $(STEPS) -b $(BATCH) --lr $(LR) -s $(SEED) $(OPTIONS) --log $(OUT)/run.ten -o $@ $(OUT)/pairs.train.ten
$(OUT)/run.ten: $(OUT)/dpo.ten

# how often what the model says of the better answer has risen by more than what it says of the worse one
$(OUT)/accuracy.txt: $(OUT)/dpo.ten $(OUT)/pairs.test.ten
	$(tool)tscore --likelihood --field policy -m $(OUT)/dpo.ten $(OUT)/pairs.test.ten | \
	    $(tool)tdump -w 0 --jsonl -f ranks -f policy -f reference | python3 -c 'import json, sys; \
	    rows = [r for r in map(json.loads, sys.stdin) if r["ranks"][0] != r["ranks"][1]]; \
	    gain = [[p - q for p, q in zip(r["policy"], r["reference"])] for r in rows]; \
	    better = [r["ranks"].index(1) for r in rows]; \
	    before = [r["reference"][b] > r["reference"][1 - b] for r, b in zip(rows, better)]; \
	    after = [g[b] > g[1 - b] for g, b in zip(gain, better)]; \
	    print("pairs: %d\nbefore: %.4f\nafter: %.4f" % (len(rows), sum(before) / len(rows), sum(after) / len(rows)))' > $@.tmp
	mv $@.tmp $@

$(OUT)/judge.ten: $(OUT)/pairs.judge.ten $(OUT)/pairs.val.ten
	$(tool)treward -m $(OUT)/0/policy.ten --eval $(OUT)/pairs.val.ten --eval-every 10 --warmup 10 --steps $(REWARD_STEPS) -b 16 \
	    --lr $(REWARD_LR) --dropout 0.1 -s $(SEED) -o $@ $(OUT)/pairs.judge.ten
$(OUT)/judge.txt: $(OUT)/judge.ten $(OUT)/pairs.test.ten
	$(tool)teval --reward -m $(OUT)/judge.ten $(OUT)/pairs.test.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/held.jsonl: $(OUT)/dpo.ten $(OUT)/held.txt
	$(call answers,$(OUT)/dpo.ten,$(OUT)/held.txt,,2) > $@.tmp
	mv $@.tmp $@
$(OUT)/wins.txt: $(OUT)/0/held.jsonl $(OUT)/held.jsonl $(OUT)/judge.ten
	python3 $(here)winrate.py --scores '$(tool)tscore -q -m $(OUT)/judge.ten' $(OUT)/0/held.jsonl $(OUT)/held.jsonl > $@.tmp
	mv $@.tmp $@

$(OUT)/summary.txt: $(OUT)/accuracy.txt $(OUT)/judge.txt $(OUT)/wins.txt $(OUT)/agreement.txt
	{ echo "judgements: $(PREFERENCES): $(call said,judgements,$(OUT)/agreement.txt) of $(call said,items,$(OUT)/agreement.txt) pairs, alpha $(call said,alpha,$(OUT)/agreement.txt)"; \
	  echo "training: $(LOSS), beta $(BETA), $(STEPS) steps of $(BATCH) pairs, seed $(SEED)"; \
	  echo "on $(call said,pairs,$(OUT)/accuracy.txt) pairs that it has not seen: the better answer has gained more in $(call said,after,$(OUT)/accuracy.txt) of them"; \
	  echo "  (the first policy finds the better answer more probable in $(call said,before,$(OUT)/accuracy.txt))"; \
	  echo "answers against those of the first policy: $(call said,win_rate,$(OUT)/wins.txt) won ($(call said,win_rate.low,$(OUT)/wins.txt) to $(call said,win_rate.high,$(OUT)/wins.txt)),"; \
	  echo "  by a judge that is right of $(call said,accuracy,$(OUT)/judge.txt) of the pairs"; \
	  echo "words an answer: $(call said,words.start,$(OUT)/wins.txt) at first, now $(call said,words.new,$(OUT)/wins.txt)"; } > $@.tmp
	mv $@.tmp $@
