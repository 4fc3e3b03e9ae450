# From text to representations, by masked tokens: every intermediate a file of its own:
#
#     make -f pipelines/bert.mk OUT=folder TEXT=book.txt LABELLED=reviews.jsonl
#
# A small BERT learns to restore hidden words of the text and of the labelled records (of these it sees
# the text of the training part, no label). Then its states are taken out, and a probe and the vote of neighbours
# say what they are worth, beside the same model before training and a bag of words.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
LABELLED = $(here)data/reviews.jsonl
OUT = bert
SEED = 1

VOCAB = 2048
LENGTH = 64
LAYERS = 2
HEADS = 4
WIDTH = 128
STEPS = 1200
BATCH = 32
LR = 2e-3
DROPOUT = 0.1
POLICY = word
EPOCHS = 60

SETTINGS = $(TEXT) $(LABELLED) $(SEED) $(VOCAB) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(STEPS) $(BATCH) $(LR) $(DROPOUT) $(POLICY) $(EPOCHS)

all: $(OUT)/summary.txt $(OUT)/loss.svg $(OUT)/accuracy.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; try: $(tool)tdump $(OUT)/masked.ten | less"

include $(here)represent.mk

$(OUT)/model.ten: $(OUT)/init.ten $(OUT)/masked.ten $(OUT)/val.masked.ten
	$(tool)tpretrain -m $(OUT)/init.ten --objective masked --eval $(OUT)/val.masked.ten --eval-every 100 \
	    --warmup 50 --steps $(STEPS) -b $(BATCH) --lr $(LR) --dropout $(DROPOUT) -s $(SEED) \
	    --log $(OUT)/run.ten -o $@ $(OUT)/masked.ten
$(OUT)/run.ten: $(OUT)/model.ten
