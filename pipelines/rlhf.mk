# Round after round from a model that chats to one that does what raters prefer, every intermediate a file of its own:
#
#     make -f pipelines/rlhf.mk OUT=folder ROUNDS=2
#     make -f pipelines/rlhf.mk OUT=folder JUDGE=people           you judge, at the terminal
#     make -f pipelines/rlhf.mk OUT=folder JUDGE=embedded         the judgements of pipelines/data/preferences.jsonl
#
# A round: the policy answers each training prompt twice; raters say which answer is better; tagree finds whom to trust; a
# reward model learns from the consensus; tppo reinforces what it scores well, near the policy of before; another reward
# model, which has seen other prompts and nothing of the training, says how often the new answers are better than the first
# policy's on prompts that neither has seen.
#
# The default raters are a simulated panel: each answer has a hidden quality, which the program QUALITY gives (as tppo's
# reward programs do), and six raters see it more or less reliably, with biases for what is longer or shown first.
here := $(dir $(lastword $(MAKEFILE_LIST)))
CHATS = $(here)data/chats.jsonl
JUDGE = panel
QUALITY = python3 $(here)reward-length.py 8
RATERS = 6
RELIABILITY = 0.95,0.9,0.9,0.85,0.7,0.5
POSITION_BIAS = 0,0,0,0,0,0.2
LENGTH_BIAS = 0,0,0,0.1,0.1,0
OUT = rlhf
SEED = 1
ROUNDS = 2

# tokens of an answer at most
TOKENS = 32
# answers to each training prompt that are judged
SAMPLES = 4
REWARD_STEPS = 150
REWARD_LR = 1e-3
PPO_STEPS = 40
PPO_BATCH = 64
PPO_MINIBATCH = 32
PPO_LR = 3e-4
KL = 0.05
KL_TARGET = 5
# more options of tppo, such as --algo grpo
OPTIONS =

SETTINGS = $(CHATS) $(JUDGE) $(QUALITY) $(RATERS) $(RELIABILITY) $(POSITION_BIAS) $(LENGTH_BIAS) $(SEED) $(TOKENS) $(SAMPLES) \
	$(REWARD_STEPS) $(REWARD_LR) $(PPO_STEPS) $(PPO_BATCH) $(PPO_MINIBATCH) $(PPO_LR) $(KL) $(KL_TARGET) $(OPTIONS)

rounds := $(shell seq $(ROUNDS))
all: $(OUT)/summary.txt $(rounds:%=$(OUT)/%/policy.svg)
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/, a round a folder; talk to the last: $(tool)tgen --chat -m $(OUT)/$(ROUNDS)/policy.ten"

include $(here)feedback.mk

# ---- judgements ----
ifeq ($(JUDGE),panel)
judge = python3 $(here)panel.py --raters $(RATERS) --reliability $(RELIABILITY) --position-bias $(POSITION_BIAS) \
	    --length-bias $(LENGTH_BIAS) --seed $(SEED) $1 > $2.tmp && mv $2.tmp $2
else ifeq ($(JUDGE),people)
judge = $(tool)trate --mode rank -o $2 $1
else ifeq ($(JUDGE),embedded)
judge = cp $(here)data/preferences.jsonl $2
else
$(error JUDGE is panel, people or embedded)
endif

# ---- a round: $1, after $2 ----
define round
$(OUT)/$1/answers.jsonl: $(OUT)/$2/policy.ten $(OUT)/prompts.txt $(OUT)/settings
	@mkdir -p $$(@D)
	$$(call answers,$(OUT)/$2/policy.ten,$(OUT)/prompts.txt,--whole --scores '$(QUALITY)',$(SAMPLES)) > $$@.tmp
	mv $$@.tmp $$@

# what people have said is never thrown away: trate goes on where it was
.PRECIOUS: $(OUT)/$1/judgements.jsonl
$(OUT)/$1/judgements.jsonl: $(OUT)/$1/answers.jsonl
	$$(call judge,$(OUT)/$1/answers.jsonl,$$@)

# one command makes the three
$(OUT)/$1/agreement.txt: $(OUT)/$1/judgements.jsonl
	$(tool)timport --as preference $(OUT)/$1/judgements.jsonl | \
	    $(tool)tagree --raters $(OUT)/$1/raters.ten -o $(OUT)/$1/consensus.ten > $$@.tmp
	mv $$@.tmp $$@
$(OUT)/$1/consensus.ten: $(OUT)/$1/agreement.txt

# by prompt: to learn the reward from, to choose it by, and for the judge alone
$(OUT)/$1/parts/train.ten: $(OUT)/$1/consensus.ten
	$(tool)tsplit --parts train=0.5,val=0.1,judge=0.4 --key text -s $(SEED) -o $(OUT)/$1/parts/ $(OUT)/$1/consensus.ten
$(OUT)/$1/parts/val.ten $(OUT)/$1/parts/judge.ten: $(OUT)/$1/parts/train.ten
$(OUT)/$1/pairs.%.ten: $(OUT)/$1/parts/%.ten $(OUT)/0/policy.ten
	$(tool)tchat -m $(OUT)/0/policy.ten --overlong drop --skip-bad $$< -o $$@

$(OUT)/$1/reward.ten: $(OUT)/$1/pairs.train.ten $(OUT)/$1/pairs.val.ten
	$(tool)treward -m $(OUT)/0/policy.ten --eval $(OUT)/$1/pairs.val.ten --eval-every 20 --warmup 20 --steps $(REWARD_STEPS) -b 16 \
	    --lr $(REWARD_LR) --dropout 0.1 -s $(SEED) --log $(OUT)/$1/reward.log.ten -o $$@ $(OUT)/$1/pairs.train.ten
$(OUT)/$1/judge.ten: $(OUT)/$1/pairs.judge.ten $(OUT)/$1/pairs.val.ten
	$(tool)treward -m $(OUT)/0/policy.ten --eval $(OUT)/$1/pairs.val.ten --eval-every 20 --warmup 20 --steps $(REWARD_STEPS) -b 16 \
	    --lr $(REWARD_LR) --dropout 0.1 -s $(SEED) -o $$@ $(OUT)/$1/pairs.judge.ten
$(OUT)/$1/reward.txt: $(OUT)/$1/reward.ten $(OUT)/$1/pairs.judge.ten
	$(tool)teval --reward -m $(OUT)/$1/reward.ten $(OUT)/$1/pairs.judge.ten > $$@.tmp
	mv $$@.tmp $$@

$(OUT)/$1/wins.txt: $(OUT)/0/held.jsonl $(OUT)/$1/held.jsonl $(OUT)/$1/judge.ten
	python3 $(here)winrate.py --scores '$(tool)tscore -q -m $(OUT)/$1/judge.ten' $(OUT)/0/held.jsonl $(OUT)/$1/held.jsonl > $$@.tmp
	mv $$@.tmp $$@
endef
NEAR = --kl $(KL) --kl-target $(KL_TARGET) --kl-horizon 1000
$(foreach r,$(rounds),$(eval $(call round,$r,$(call before,$r)))$(eval $(call policy_round,$r,$(call before,$r))))

tell_quality = echo "  their hidden quality: $(call said,score.start,$(OUT)/$$r/quality.txt) at first, now $(call said,score.new,$(OUT)/$$r/quality.txt); $(call said,win_rate,$(OUT)/$$r/quality.txt) won"
$(OUT)/summary.txt: $(OUT)/rounds $(foreach r,$(rounds),$(OUT)/$r/wins.txt $(if $(filter panel,$(JUDGE)),$(OUT)/$r/quality.txt) $(OUT)/$r/reward.txt $(OUT)/$r/agreement.txt $(OUT)/$r/run.csv)
	{ echo "judged by: $(JUDGE)$(if $(filter panel,$(JUDGE)), of the quality that $(QUALITY) gives)"; \
	  for r in $(rounds); do \
	    echo; echo "round $$r"; \
	    echo "  judgements $(call said,judgements,$(OUT)/$$r/agreement.txt), alpha $(call said,alpha,$(OUT)/$$r/agreement.txt)"; \
	    echo "  reward model: accuracy $(call said,accuracy,$(OUT)/$$r/reward.txt) on pairs that it has not seen; longer is better: $(call said,longer_is_better,$(OUT)/$$r/reward.txt)"; \
	    $(call tell_policy,$$r); \
	    echo "  answers against those of the first policy, by the judge: $(call said,win_rate,$(OUT)/$$r/wins.txt) won ($(call said,win_rate.low,$(OUT)/$$r/wins.txt) to $(call said,win_rate.high,$(OUT)/$$r/wins.txt))"; \
	    $(if $(filter panel,$(JUDGE)),$(tell_quality);) \
	    echo "  words an answer: $(call said,words.start,$(OUT)/$$r/wins.txt) at first, now $(call said,words.new,$(OUT)/$$r/wins.txt)"; \
	  done; } > $@.tmp
	mv $@.tmp $@
