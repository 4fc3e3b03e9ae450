# What rlhf.mk and dpo.mk share: the policy to begin with, prompts, answers to them. The one that includes this has set CHATS,
# TOKENS and what common.mk needs.
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

# said,NAME,FILE: what a report says
said = $$(sed -n 's/^$1: //p' $2)
