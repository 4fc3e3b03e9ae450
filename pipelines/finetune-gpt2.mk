# From a Hugging Face folder with a GPT-2 (config.json, model.safetensors, and tokenizer.json or vocab.json and merges.txt) to
# adapters (LoRA) that a text or conversations have taught, and to a GGUF of the adapted model; any family that timport
# knows will do:
#
#     make -f pipelines/finetune-gpt2.mk MODEL=gpt2 TEXT=book.txt OUT=folder
#     make -f pipelines/finetune-gpt2.mk MODEL=gpt2 CHATS=chats.jsonl OUT=folder
#
# The text's documents are separated by blank lines. With CHATS instead of TEXT, IMPORT says what kind of conversations they
# are. The last tenth of the data, by a hash of its content, measures the loss and is not trained on.
here := $(dir $(lastword $(MAKEFILE_LIST)))
MODEL =
TEXT =
CHATS =
IMPORT = --as chat
OUT = finetune-gpt2
SEED = 1

# plain has no special tokens but <|endoftext|>, which GPT-2 knows; the tokens that other templates add would have to be learnt
TEMPLATE = plain
LENGTH = 256
STEPS = 100
BATCH = 4
LR = 5e-4
RANK = 8
# the numbers of the GGUF: f32, f16, bf16 or q8_0
TYPE = f16
# more options of tpretrain or tfinetune, such as --recompute
OPTIONS =

SETTINGS = $(MODEL) $(TEXT) $(CHATS) $(IMPORT) $(SEED) $(TEMPLATE) $(LENGTH) $(STEPS) $(BATCH) $(LR) $(RANK) $(OPTIONS)

ifeq ($(MODEL),)
$(error MODEL=FOLDER says which model to fine-tune: a Hugging Face folder)
endif
ifneq ($(words $(TEXT) $(CHATS)),1)
$(error TEXT=FILE or CHATS=FILE says what to learn from)
endif

all: $(OUT)/summary.txt $(OUT)/loss.svg $(OUT)/model.gguf
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/: model.gguf for llama.cpp, adapters/ for PEFT, model.ten for our tools"

include $(here)common.mk

$(OUT)/base.ten: $(wildcard $(MODEL)/*) $(OUT)/settings
	$(tool)timport --as model $(MODEL) -o $(OUT)/imported.ten
	$(tool)tgraft $(if $(CHATS),--template $(TEMPLATE)) --lora $(RANK) -s $(SEED) -o $@ $(OUT)/imported.ten

ifdef CHATS
$(OUT)/all.ten: $(OUT)/base.ten $(CHATS)
	$(tool)timport $(IMPORT) $(CHATS) | $(tool)tchat -m $(OUT)/base.ten -l $(LENGTH) --overlong drop -o $@
else
$(OUT)/all.ten: $(OUT)/base.ten $(TEXT)
	$(tool)ttok -m $(OUT)/base.ten -o $@ $(TEXT)
endif

$(OUT)/data/train.ten: $(OUT)/all.ten
	$(tool)tsplit --parts train=0.9,val=0.1 -s $(SEED) -o $(OUT)/data/ $(OUT)/all.ten
$(OUT)/data/val.ten: $(OUT)/data/train.ten

$(OUT)/rows.ten: $(OUT)/data/train.ten
	$(tool)tpack -l $(LENGTH) $(OUT)/data/train.ten | $(tool)tshuf -s $(SEED) -o $@

$(OUT)/adapted.ten: $(OUT)/rows.ten $(OUT)/data/val.ten $(OUT)/base.ten
	$(tool)$(if $(CHATS),tfinetune --task chat,tpretrain) -m $(OUT)/base.ten --eval $(OUT)/data/val.ten --eval-every 50 \
	    --warmup 10 --steps $(STEPS) -b $(BATCH) --lr $(LR) -s $(SEED) $(OPTIONS) --log $(OUT)/run.ten -o $@ $(OUT)/rows.ten
$(OUT)/run.ten: $(OUT)/adapted.ten

$(OUT)/adapters/adapter_config.json: $(OUT)/adapted.ten
	rm -rf $(OUT)/adapters
	$(tool)texport --to peft -o $(OUT)/adapters $(OUT)/adapted.ten

$(OUT)/model.ten: $(OUT)/adapted.ten
	$(tool)tgraft --merge-lora -o $@ $(OUT)/adapted.ten

# rewritten only when it changes, which does not repeat the training
$(OUT)/type: FORCE | $(OUT)
	@echo '$(TYPE)' | cmp -s - $@ || echo '$(TYPE)' > $@
$(OUT)/model.gguf: $(OUT)/model.ten $(OUT)/type
	$(tool)texport --to gguf --type $(TYPE) -o $@ $(OUT)/model.ten

$(OUT)/eval.%.txt: $(OUT)/%.ten $(OUT)/data/val.ten
	$(tool)teval -m $< $(OUT)/data/val.ten > $@.tmp
	mv $@.tmp $@

$(OUT)/summary.txt: $(OUT)/eval.base.txt $(OUT)/eval.model.txt $(OUT)/adapters/adapter_config.json
	{ echo "model: $(MODEL); learnt from $(TEXT)$(CHATS): $(STEPS) steps of $(BATCH) rows of $(LENGTH) tokens, adapters of rank $(RANK)"; \
	  echo; echo "held-out tenth, before"; cat $(OUT)/eval.base.txt; \
	  echo; echo "held-out tenth, after"; cat $(OUT)/eval.model.txt; } > $@.tmp
	mv $@.tmp $@
