# From demonstrations, answers that somebody gave, to a reward that explains them, and to a policy that does likewise: inverse
# reinforcement learning by maximum entropy, round after round, every intermediate a file of its own:
#
#     make -f pipelines/irl.mk OUT=folder ROUNDS=2
#     make -f pipelines/irl.mk OUT=folder DEMONSTRATIONS=chats.jsonl      messages, or prompt and completion
#
# A round: the policy answers each training prompt; a reward model learns to tell what was demonstrated from what the policy
# answered, with rewards in nats (treward --loss demonstration); tppo reinforces what it scores well, near the policy of before. The
# optimum of that with a coefficient of 1 is policy(y) exp(reward(y)), which is the demonstrator when the reward is right, so KL is 1. The
# samples are always of the policy that the round's reward is relative to, so nothing has to be reweighted. When policy and
# demonstrator are alike, the reward's accuracy on what it has not seen is that of chance, and there is little left to learn.
#
# Without DEMONSTRATIONS an expert is simulated: of BEST_OF answers of the first policy the one that is best by a hidden quality, which
# the program QUALITY gives (as tppo's reward programs do). The learner sees only the texts. QUALITY takes 1 off for an answer that was
# cut, so a part of what a policy gains is due to MISSING_END, which is given and not learnt; the rank correlation is of whole answers
# and has nothing of that.
comma := ,
here := $(dir $(lastword $(MAKEFILE_LIST)))
CHATS = $(here)data/chats.jsonl
DEMONSTRATIONS =
QUALITY = python3 $(here)reward-length.py 8
BEST_OF = 8
OUT = irl
SEED = 1
ROUNDS = 2

# tokens of an answer at most
TOKENS = 32
# demonstrations of the simulated expert to each prompt
SHOWN = 2
# answers of the policy to each prompt, and how many of them a demonstration is compared with at a time
SAMPLES = 8
EACH = 2
REWARD_STEPS = 120
REWARD_LR = 5e-4
PPO_STEPS = 40
# with a coefficient of 1 the KL is most of what is reinforced: steps that are too large are not undone, so the baseline is
# that of the other answers to a prompt, each answer is learnt from once, and the learning rate is low
PPO_BATCH = 16
PPO_MINIBATCH = 64
PPO_LR = 1e-4
KL = 1
# nats taken off the reward of an answer that was cut, which nobody has demonstrated
MISSING_END = 2
# more options of tppo
OPTIONS = --algo rloo --samples 4 --epochs 1

SETTINGS = $(CHATS) $(DEMONSTRATIONS) $(QUALITY) $(BEST_OF) $(SHOWN) $(EACH) $(SEED) $(TOKENS) $(SAMPLES) $(REWARD_STEPS) $(REWARD_LR) $(PPO_STEPS) \
	$(PPO_BATCH) $(PPO_MINIBATCH) $(PPO_LR) $(KL) $(MISSING_END) $(OPTIONS)

rounds := $(shell seq $(ROUNDS))
all: $(OUT)/summary.txt $(rounds:%=$(OUT)/%/policy.svg)
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/, a round a folder; talk to the last: $(tool)tgen --chat -m $(OUT)/$(ROUNDS)/policy.ten"

OWN_PROMPTS = $(DEMONSTRATIONS)
include $(here)feedback.mk

# ---- demonstrations: to learn from, and others to measure with; expert.* as answers.py writes them ----
ifeq ($(DEMONSTRATIONS),)
scored = --scores '$(QUALITY)'
expert = $(call answers,$(OUT)/0/policy.ten,$1,--whole --best $(BEST_OF) $(scored),$(shell echo $$(($(SHOWN) * $(BEST_OF))))) > $2.tmp && mv $2.tmp $2
$(OUT)/expert.train.jsonl: $(OUT)/0/policy.ten $(OUT)/prompts.txt $(OUT)/settings
	$(call expert,$(OUT)/prompts.txt,$@)
$(OUT)/expert.held.jsonl: $(OUT)/0/policy.ten $(OUT)/held.txt $(OUT)/settings
	$(call expert,$(OUT)/held.txt,$@)
else
expert = python3 $(here)demonstrations.py --part $1 $(DEMONSTRATIONS) > $2.tmp && mv $2.tmp $2
prompts = python3 -c 'import json, sys; [print(json.loads(l)["prompt"]) for l in sys.stdin]' < $1 > $2.tmp && mv $2.tmp $2
$(OUT)/expert.train.jsonl: $(DEMONSTRATIONS) $(OUT)/settings
	$(call expert,train,$@)
$(OUT)/expert.held.jsonl: $(DEMONSTRATIONS) $(OUT)/settings
	$(call expert,held,$@)
$(OUT)/prompts.txt: $(OUT)/expert.train.jsonl
	$(call prompts,$<,$@)
$(OUT)/held.txt: $(OUT)/expert.held.jsonl
	$(call prompts,$<,$@)
endif
$(OUT)/expert.txt: $(OUT)/0/held.jsonl $(OUT)/expert.held.jsonl
	python3 $(here)winrate.py --scores '$(QUALITY)' $(OUT)/0/held.jsonl $(OUT)/expert.held.jsonl > $@.tmp
	mv $@.tmp $@

# ---- a round: $1, after $2; what is said of the samples stays with them and does not reach the learner ----
define round
$(OUT)/$1/samples.train.jsonl: $(OUT)/$2/policy.ten $(OUT)/prompts.txt $(OUT)/settings
	@mkdir -p $$(@D)
	$$(call answers,$(OUT)/$2/policy.ten,$(OUT)/prompts.txt,--whole --equal,$(SAMPLES)) > $$@.tmp
	mv $$@.tmp $$@
$(OUT)/$1/samples.held.jsonl: $(OUT)/$2/policy.ten $(OUT)/held.txt $(OUT)/settings
	@mkdir -p $$(@D)
	$$(call answers,$(OUT)/$2/policy.ten,$(OUT)/held.txt,--whole --equal $(scored),$(SAMPLES)) > $$@.tmp
	mv $$@.tmp $$@

$(OUT)/$1/compared.%.ten: $(OUT)/expert.%.jsonl $(OUT)/$1/samples.%.jsonl
	python3 $(here)demonstrations.py --against $(OUT)/$1/samples.$$*.jsonl --each $(EACH) $$< | $(tool)timport --as preference -o $$@

# by prompt: to learn the reward from, and to choose it by
$(OUT)/$1/parts/train.ten: $(OUT)/$1/compared.train.ten
	$(tool)tsplit --parts train=0.85,val=0.15 --key text -s $(SEED) -o $(OUT)/$1/parts/ $$<
$(OUT)/$1/parts/val.ten: $(OUT)/$1/parts/train.ten
$(OUT)/$1/candidates.%.ten: $(OUT)/$1/parts/%.ten $(OUT)/0/policy.ten
	$(tool)tchat -m $(OUT)/0/policy.ten --overlong drop $$< -o $$@
$(OUT)/$1/candidates.held.ten: $(OUT)/$1/compared.held.ten $(OUT)/0/policy.ten
	$(tool)tchat -m $(OUT)/0/policy.ten --overlong drop $$< -o $$@

$(OUT)/$1/reward.ten: $(OUT)/$1/candidates.train.ten $(OUT)/$1/candidates.val.ten
	$(tool)treward -m $(OUT)/0/policy.ten --loss demonstration --eval $(OUT)/$1/candidates.val.ten --eval-every 10 --warmup 20 \
	    --steps $(REWARD_STEPS) -b 16 --lr $(REWARD_LR) --dropout 0.1 -s $(SEED) --log $(OUT)/$1/reward.log.ten -o $$@ \
	    $(OUT)/$1/candidates.train.ten
$(OUT)/$1/reward.txt: $(OUT)/$1/reward.ten $(OUT)/$1/candidates.held.ten
	$(tool)teval --reward -m $(OUT)/$1/reward.ten $(OUT)/$1/candidates.held.ten > $$@.tmp
	mv $$@.tmp $$@
$(OUT)/$1/correlation.txt: $(OUT)/$1/reward.ten $(OUT)/$1/samples.held.jsonl
	python3 $(here)correlate.py --scores '$(tool)tscore -q -m $(OUT)/$1/reward.ten' $(OUT)/$1/samples.held.jsonl > $$@.tmp
	mv $$@.tmp $$@
endef
NEAR = --kl $(KL) --missing-end $(MISSING_END)
$(foreach r,$(rounds),$(eval $(call round,$r,$(call before,$r)))$(eval $(call policy_round,$r,$(call before,$r))))

hidden = $(if $(DEMONSTRATIONS),,$1)
tell_hidden = echo "  rank correlation of the reward with the hidden quality of held-out answers: $(call said,correlation,$(OUT)/$$r/correlation.txt) ($(call said,correlation.low,$(OUT)/$$r/correlation.txt) to $(call said,correlation.high,$(OUT)/$$r/correlation.txt))"; \
	    echo "  hidden quality on held-out prompts: $(call said,score.new,$(OUT)/$$r/quality.txt)"
$(OUT)/summary.txt: $(OUT)/rounds $(call hidden,$(OUT)/expert.txt) $(foreach r,$(rounds),$(call hidden,$(OUT)/$r/quality.txt $(OUT)/$r/correlation.txt) $(OUT)/$r/reward.txt $(OUT)/$r/run.csv)
	{ echo "demonstrations: $(or $(DEMONSTRATIONS),the best of $(BEST_OF) answers of the first policy by the quality that $(QUALITY) gives)"; \
	  $(call hidden,echo "hidden quality on held-out prompts: $(call said,score.start,$(OUT)/expert.txt) at the start$(comma) the expert's $(call said,score.new,$(OUT)/expert.txt)";) \
	  for r in $(rounds); do \
	    echo; echo "round $$r"; \
	    echo "  reward: right of $(call said,accuracy,$(OUT)/$$r/reward.txt) ($(call said,accuracy.low,$(OUT)/$$r/reward.txt) to $(call said,accuracy.high,$(OUT)/$$r/reward.txt)) of held-out demonstrations against samples; chance is 0.5"; \
	    awk -v low="$(call said,accuracy.low,$(OUT)/$$r/reward.txt)" 'BEGIN { if (low <= 0.5) print "  that may be chance: on so few prompts the reward does not surely tell policy and demonstrator apart" }'; \
	    $(call hidden,$(tell_hidden);) \
	    $(call tell_policy,$$r); \
	  done; } > $@.tmp
	mv $@.tmp $@
