# What rlhf.mk, irl.mk and dpo.mk share: the policy to begin with, prompts, answers to them, rounds of policy optimisation. The one
# that includes this has set CHATS, TOKENS and what common.mk needs, and OWN_PROMPTS where it makes prompts.txt and held.txt itself.
include $(here)common.mk

# ---- the model to begin with, and prompts ----
# settings of chat.mk; those of the file that includes this do not reach it
CHAT_SETTINGS = CHOOSE=last STEPS=100
MAKEOVERRIDES =
$(OUT)/chat.settings: FORCE | $(OUT)
	@echo '$(CHATS) $(SEED) $(CHAT_SETTINGS)' | cmp -s - $@ || echo '$(CHATS) $(SEED) $(CHAT_SETTINGS)' > $@
$(OUT)/chat/chat.ten: $(OUT)/chat.settings
	$(MAKE) --no-print-directory -f $(here)chat.mk BIN='$(BIN)' OUT=$(OUT)/chat SEED=$(SEED) CHATS='$(CHATS)' $(CHAT_SETTINGS) $@
$(OUT)/0/policy.ten: $(OUT)/chat/chat.ten
	@mkdir -p $(@D)
	cp $< $@

ifeq ($(OWN_PROMPTS),)
# first turns of users: of the training conversations to be answered and judged, of the others to be measured with
first = $(tool)tdump -w 0 --jsonl -f text -f turn_ends -f roles $1 | python3 -c 'import json, sys; \
	    rows = [json.loads(l) for l in sys.stdin]; \
	    first = [r["text"].encode()[:r["turn_ends"][0]].decode() for r in rows if r["roles"][0] == 1]; \
	    print("\n".join(t for t in first if "\n" not in t))'
$(OUT)/prompts.txt: $(OUT)/chat/chat.ten
	$(call first,$(OUT)/chat/chats/train.ten) > $@.tmp
	mv $@.tmp $@
$(OUT)/held.txt: $(OUT)/chat/chat.ten
	{ $(call first,$(OUT)/chat/chats/val.ten); $(call first,$(OUT)/chat/chats/test.ten); } > $@.tmp
	mv $@.tmp $@
endif
$(OUT)/%.chats.ten: $(OUT)/%.txt
	python3 -c 'import json, sys; [print(json.dumps({"prompt": l.rstrip("\n"), "completion": "-"})) for l in sys.stdin]' < $< | \
	    $(tool)timport --as completion -o $@

# answers,MODEL,PROMPTS,OPTIONS of answers.py,SAMPLES: JSON lines
answers = $(tool)tgen -q --chat --lines --records -n $(TOKENS) --samples $4 -s $(SEED) -m $1 $2 | \
	    $(tool)tdump -w 0 --jsonl -f text -f ids -f prompt_length | python3 $(here)answers.py --tokens $(TOKENS) $3 $2

# the first policy's answers to prompts held out, with which all are compared
$(OUT)/0/held.jsonl: $(OUT)/0/policy.ten $(OUT)/held.txt $(OUT)/settings
	$(call answers,$(OUT)/0/policy.ten,$(OUT)/held.txt,,2) > $@.tmp
	mv $@.tmp $@

before = $(shell echo $$(($1 - 1)))
# policy_round,ROUND,ROUND BEFORE: the policy, near that of before, that the reward of the round scores well, and its answers to
# prompts held out. NEAR: how near, options of tppo; other settings are those of rlhf.mk
define policy_round
$(OUT)/$1/policy.ten: $(OUT)/$2/policy.ten $(OUT)/$1/reward.ten $(OUT)/prompts.chats.ten $(OUT)/held.chats.ten
	$(tool)tppo -m $(OUT)/$2/policy.ten --reward '$(tool)tscore -q -j 1 -m $(OUT)/$1/reward.ten' -n $(TOKENS) --steps $(PPO_STEPS) \
	    -b $(PPO_BATCH) --minibatch $(PPO_MINIBATCH) --lr $(PPO_LR) $(NEAR) -s $(SEED) $(OPTIONS) \
	    --eval $(OUT)/held.chats.ten --eval-every 10 --rollouts $(OUT)/$1/rollouts.ten --log $(OUT)/$1/run.ten -o $$@ $(OUT)/prompts.chats.ten
$(OUT)/$1/run.ten: $(OUT)/$1/policy.ten

$(OUT)/$1/held.jsonl: $(OUT)/$1/policy.ten $(OUT)/held.txt
	$$(call answers,$(OUT)/$1/policy.ten,$(OUT)/held.txt,,2) > $$@.tmp
	mv $$@.tmp $$@
# what the learner does not see, or only dimly
$(OUT)/$1/quality.txt: $(OUT)/0/held.jsonl $(OUT)/$1/held.jsonl
	python3 $(here)winrate.py --scores '$(QUALITY)' $(OUT)/0/held.jsonl $(OUT)/$1/held.jsonl > $$@.tmp
	mv $$@.tmp $$@

$(OUT)/$1/run.csv: $(OUT)/$1/run.ten
	$(tool)tdump --csv $(OUT)/$1/run.ten > $$@.tmp
	mv $$@.tmp $$@
$(OUT)/$1/policy.svg: $(OUT)/$1/run.csv $(here)policy.gp
	gnuplot -e "csv='$(OUT)/$1/run.csv'; svg='$$@'" $(here)policy.gp
endef

# rewritten only when there are more or fewer
$(OUT)/rounds: FORCE | $(OUT)
	@echo $(ROUNDS) | cmp -s - $@ || echo $(ROUNDS) > $@
# tell_policy,ROUND: what the measurements of its training say
tell_policy = awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$$i] = i } NR > 1 && $$c["eval/scores"] != "nan" { s = $$c["eval/scores"]; if (!n++) a = s; k = $$c["eval/kl"]; l = $$c["eval/length"] } \
	        END { printf "  held-out prompts: reward %.3f to %.3f, KL to the policy before %.2f nats an answer, %.1f tokens\n", a, s, k, l }' $(OUT)/$1/run.csv

# said,NAME,FILE: what a report says
said = $$(sed -n 's/^$1: //p' $2)
