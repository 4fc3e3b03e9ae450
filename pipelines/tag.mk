# From sentences with named entities to a tagger, every intermediate a file of its own:
#
#     make -f pipelines/tag.mk OUT=folder LABELLED=train.conll IMPORT='--format conll'
#
# As classify.mk, but for a tag at each word: entities are measured as conlleval counts them.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
LABELLED = $(here)data/entities.jsonl
IMPORT = --as tagged --field tags=ner_tags
OUT = tag
SEED = 1

VOCAB = 2048
LENGTH = 64
LAYERS = 2
HEADS = 4
WIDTH = 128
POLICY = word
EPOCHS = 30
PRETRAIN_STEPS = 300
METRIC = entity_f1
STEPS = 300
BATCH = 16
LR = 1e-3
DROPOUT = 0.2
OPTIONS =
LOSS_OF = word

SETTINGS = $(TEXT) $(LABELLED) $(IMPORT) $(SEED) $(VOCAB) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(POLICY) $(EPOCHS) \
	$(PRETRAIN_STEPS) $(METRIC) $(STEPS) $(BATCH) $(LR) $(DROPOUT) $(OPTIONS)

all: $(OUT)/summary.txt $(OUT)/loss.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; try: $(tool)tdump -f text -f tags -f predicted $(OUT)/predictions.ten | less"

include $(here)labelled.mk
include $(here)task.mk

$(OUT)/summary.txt: $(OUT)/test.txt $(OUT)/run.csv
	{ $(about); \
	  $(call interval,entity_precision,precision of entities); $(call interval,entity_recall,recall of entities); \
	  $(call interval,entity_f1,F1 of entities); $(call interval,accuracy,accuracy of tags); \
	  awk -F': ' '/^entity\..*\.f1/ { split($$1, n, "."); printf "  %-14s F1 %.4f\n", n[2], $$2 }' $(OUT)/test.txt; } > $@.tmp
	mv $@.tmp $@
