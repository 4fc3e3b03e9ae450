# From plain text and conversations to a model that chats, every intermediate a file of its own:
#
#     make -f pipelines/chat.mk OUT=folder TEXT=book.txt CHATS=chats.jsonl
#     tgen --chat -m folder/chat.ten
#
# A small GPT learns the text first, gets a chat template, and then learns the answers of the training conversations.
# IMPORT says what kind of conversations CHATS are.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
CHATS = $(here)data/chats.jsonl
IMPORT = --as chat
OUT = chat
SEED = 1

VOCAB = 1024
TEMPLATE = chatml
LENGTH = 256
LAYERS = 4
HEADS = 6
WIDTH = 192
PRETRAIN_STEPS = 120
STEPS = 250
BATCH = 16
LR = 2e-3
DROPOUT = 0.1
# best: the model with the lowest loss on the validation part; last: the one at the end. From a few hundred conversations
# answers can be learnt by heart and little else, which the best of the validation part has not done yet
CHOOSE = last
# more options of tfinetune, such as --lora 8
OPTIONS =

SETTINGS = $(TEXT) $(CHATS) $(IMPORT) $(SEED) $(VOCAB) $(TEMPLATE) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(PRETRAIN_STEPS) \
	$(STEPS) $(BATCH) $(LR) $(DROPOUT) $(CHOOSE) $(OPTIONS)

all: $(OUT)/summary.txt $(OUT)/loss.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; talk to it: $(tool)tgen --chat -m $(OUT)/chat.ten"

include $(here)common.mk

$(OUT)/chats.ten: $(CHATS) $(OUT)/settings
	$(tool)timport $(IMPORT) $(CHATS) -o $@

# by their first words, so that a conversation stays in its part whatever is added
$(OUT)/chats/train.ten: $(OUT)/chats.ten
	$(tool)tsplit --parts train=0.8,val=0.1,test=0.1 --key text -s $(SEED) -o $(OUT)/chats/ $(OUT)/chats.ten
$(OUT)/chats/val.ten $(OUT)/chats/test.ten: $(OUT)/chats/train.ten

$(OUT)/vocab.ten: $(TEXT) $(OUT)/chats/train.ten
	{ grep . $(TEXT) | $(tool)timport -q --as text --format tsv --columns text | $(tool)tdump --jsonl; \
	  $(tool)tdump --jsonl -f text $(OUT)/chats/train.ten; } | $(tool)tvocab --jsonl -n $(VOCAB) -o $@

# the text, and what is said in the conversations, as documents
$(OUT)/text.ten: $(OUT)/vocab.ten $(TEXT)
	$(tool)ttok -m $(OUT)/vocab.ten -o $@ $(TEXT)
$(OUT)/said.ten: $(OUT)/vocab.ten
	$(tool)tcat -f text $(OUT)/chats/train.ten | $(tool)ttok --records -m $(OUT)/vocab.ten -o $@
$(OUT)/rows.ten: $(OUT)/text.ten $(OUT)/said.ten
	$(tool)tcat $(OUT)/text.ten $(OUT)/said.ten | $(tool)tpack -l 128 | $(tool)tshuf -s $(SEED) -o $@

$(OUT)/base.ten: $(OUT)/rows.ten
	$(tool)tinit --arch gpt2 --layers $(LAYERS) --heads $(HEADS) --width $(WIDTH) --context $(LENGTH) \
	    --vocab $(OUT)/vocab.ten -s $(SEED) -o $(OUT)/init.ten
	$(tool)tpretrain -m $(OUT)/init.ten --warmup 40 --steps $(PRETRAIN_STEPS) -b 16 --lr 2e-3 --dropout 0.1 -s $(SEED) \
	    -o $@ $(OUT)/rows.ten
$(OUT)/templated.ten: $(OUT)/base.ten
	$(tool)tgraft --template $(TEMPLATE) -s $(SEED) -o $@ $(OUT)/base.ten

$(OUT)/rows.%.ten: $(OUT)/chats/%.ten $(OUT)/templated.ten
	$(tool)tchat -m $(OUT)/templated.ten --overlong drop -o $@ $<

$(OUT)/chat.ten: $(OUT)/rows.train.ten $(OUT)/rows.val.ten
	$(tool)tpack -l $(LENGTH) $(OUT)/rows.train.ten -o $(OUT)/packed.ten
	$(tool)tfinetune -m $(OUT)/templated.ten --task chat $(if $(filter best,$(CHOOSE)),--eval $(OUT)/rows.val.ten --eval-every 20) \
	    --warmup 20 --steps $(STEPS) -b $(BATCH) --lr $(LR) --dropout $(DROPOUT) -s $(SEED) $(OPTIONS) --log $(OUT)/run.ten \
	    -o $@ $(OUT)/packed.ten
$(OUT)/run.ten: $(OUT)/chat.ten

$(OUT)/eval.txt: $(OUT)/chat.ten $(OUT)/rows.test.ten
	$(tool)teval -m $(OUT)/chat.ten $(OUT)/rows.test.ten > $@.tmp
	mv $@.tmp $@

# the most probable answers to first turns of a part
$(OUT)/samples.%.txt: $(OUT)/chat.ten $(OUT)/chats/%.ten
	$(tool)tdump --jsonl -f text -f turn_ends -f roles $(OUT)/chats/$*.ten | python3 -c 'import json, sys; \
	    rows = [json.loads(l) for l in sys.stdin]; \
	    first = [r["text"].encode()[:r["turn_ends"][0]].decode() for r in rows if r["roles"][0] == 1]; \
	    print("\n".join(t for t in first[:5] if "\n" not in t))' > $(OUT)/prompts.$*.txt
	$(tool)tgen -q --chat --lines --temperature 0 -n 60 -m $(OUT)/chat.ten $(OUT)/prompts.$*.txt | \
	    paste -d '\n' $(OUT)/prompts.$*.txt - | awk '{ print (NR % 2 ? "user:      " : "assistant: ") $$0 }' > $@.tmp
	mv $@.tmp $@

$(OUT)/summary.txt: $(OUT)/eval.txt $(OUT)/samples.train.txt $(OUT)/samples.test.txt
	{ echo "text: $(TEXT), conversations: $(CHATS)"; \
	  echo "model: gpt2, $(LAYERS) layers, $(HEADS) heads, width $(WIDTH); template $(TEMPLATE)"; \
	  echo "training: $(PRETRAIN_STEPS) steps on the text, $(STEPS) on conversations, seed $(SEED)"; \
	  echo; echo "test part, of the answers alone"; cat $(OUT)/eval.txt; \
	  echo; echo "answers to prompts of the training part"; cat $(OUT)/samples.train.txt; \
	  echo; echo "answers to prompts that it has not seen"; cat $(OUT)/samples.test.txt; } > $@.tmp
	mv $@.tmp $@
