# From raw text to a small GPT, every intermediate a file of its own:
#
#     make -f pipelines/pretrain.mk OUT=folder TEXT=book.txt
#
# Documents are separated by blank lines; a text with fewer than 20 of them is cut at line ends, one with
# fewer than 20 lines at full stops. The settings below can be given on the command line;
# a changed setting redoes what depends on it, and a killed run goes on where it was.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
OUT = demo
SEED = 1

VOCAB = 2048
LENGTH = 128
LAYERS = 4
HEADS = 6
WIDTH = 192
STEPS = 350
BATCH = 16
LR = 2e-3
DROPOUT = 0.1
PROMPTS = Once upon a time|The old man|"Good morning," said

# how the text is cut into documents
split := $(shell awk -v RS= 'END { print NR < 20 }' '$(TEXT)')
ifeq ($(split),1)
split := $(shell awk 'END { print NR < 20 }' '$(TEXT)')
how = $(if $(filter 1,$(split)),--separator '. ',--split line)
endif

SETTINGS = $(TEXT) $(SEED) $(VOCAB) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(STEPS) $(BATCH) $(LR) $(DROPOUT)

all: $(OUT)/summary.txt $(OUT)/loss.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; try: $(tool)tdump $(OUT)/train.ten | less"

include $(here)common.mk

$(OUT)/vocab.ten: $(TEXT) $(OUT)/settings
	$(tool)tvocab $(how) -n $(VOCAB) $(TEXT) -o $@

$(OUT)/tokens.ten: $(OUT)/vocab.ten $(TEXT)
	$(tool)ttok $(how) -m $(OUT)/vocab.ten $(TEXT) -o $@

# one command makes both parts; the train part stands for both
$(OUT)/data/train.ten: $(OUT)/tokens.ten
	$(tool)tsplit --parts train=0.95,val=0.05 -s $(SEED) -o $(OUT)/data/ $(OUT)/tokens.ten
$(OUT)/data/val.ten: $(OUT)/data/train.ten

$(OUT)/train.ten: $(OUT)/data/train.ten
	$(tool)tpack -l $(LENGTH) $(OUT)/data/train.ten | $(tool)tshuf -s $(SEED) -o $@

$(OUT)/init.ten: $(OUT)/vocab.ten
	$(tool)tinit --arch gpt2 --layers $(LAYERS) --heads $(HEADS) --width $(WIDTH) \
	    --context $(LENGTH) --vocab $(OUT)/vocab.ten -s $(SEED) -o $@

$(OUT)/gpt.ten: $(OUT)/init.ten $(OUT)/train.ten $(OUT)/data/val.ten
	$(tool)tpretrain -m $(OUT)/init.ten --eval $(OUT)/data/val.ten --eval-every 50 --warmup 40 \
	    --steps $(STEPS) -b $(BATCH) --lr $(LR) --dropout $(DROPOUT) -s $(SEED) --log $(OUT)/run.ten \
	    -o $@ $(OUT)/train.ten
$(OUT)/run.ten: $(OUT)/gpt.ten

$(OUT)/eval.txt: $(OUT)/gpt.ten $(OUT)/data/val.ten
	$(tool)teval -m $(OUT)/gpt.ten $(OUT)/data/val.ten > $@.tmp
	mv $@.tmp $@

# rewritten only when they change, which does not repeat the training
$(OUT)/prompts: FORCE | $(OUT)
	@echo '$(PROMPTS)' | cmp -s - $@ || echo '$(PROMPTS)' > $@
$(OUT)/samples.txt: $(OUT)/gpt.ten $(OUT)/prompts
	tr '|' '\n' <<< '$(PROMPTS)' | while IFS= read -r p; do \
	    printf '%s' "$$p" | $(tool)tgen -q -m $(OUT)/gpt.ten -n 120 --temperature 0.7 --top-p 0.95 -s $(SEED); \
	    printf '\n--\n'; done > $@.tmp
	mv $@.tmp $@

$(OUT)/summary.txt: $(OUT)/eval.txt $(OUT)/samples.txt $(OUT)/run.csv
	{ echo "text: $(TEXT) ($$(wc -c < $(TEXT)) bytes)"; \
	  echo "model: gpt2, $(LAYERS) layers, $(HEADS) heads, width $(WIDTH), context $(LENGTH)"; \
	  echo "training: $(STEPS) steps of $(BATCH) rows, seed $(SEED)"; \
	  awk -F, '$$8 != "nan" && NR > 1 && (best == "" || $$8 < best) { best = $$8; at = $$1 } \
	      END { printf "best validation loss while training: %.4f after step %d\n", best, at }' $(OUT)/run.csv; \
	  echo; echo "validation at the end"; cat $(OUT)/eval.txt; \
	  echo; echo "samples"; cat $(OUT)/samples.txt; } > $@.tmp
	mv $@.tmp $@
