# From text to representations, by telling views apart: every intermediate a file of its own:
#
#     make -f pipelines/contrastive.mk OUT=folder TEXT=book.txt LABELLED=reviews.jsonl
#
# A small encoder learns which views come from one sentence. Then its states are taken out, and a probe and the
# vote of neighbours say what they are worth, beside the same model before training and a bag of words; and
# alignment and uniformity say how they lie.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
LABELLED = $(here)data/reviews.jsonl
OUT = contrastive
SEED = 1

VOCAB = 4096
LENGTH = 64
LAYERS = 1
HEADS = 4
WIDTH = 192
STEPS = 150
BATCH = 96
LR = 2e-3
DROPOUT = 0
TEMPERATURE = 0.1
AUGMENT = delete:0.1..0.4 crop:0.4..0.9
EPOCHS = 30
LOSS_OF = view
# more options of tpretrain, such as --queue 2048 for MoCo
OPTIONS =

SETTINGS = $(TEXT) $(LABELLED) $(SEED) $(VOCAB) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(STEPS) $(BATCH) $(LR) $(DROPOUT) $(TEMPERATURE) $(AUGMENT) $(EPOCHS) $(OPTIONS)

all: $(OUT)/summary.txt $(OUT)/loss.svg $(OUT)/accuracy.svg
	@cat $(OUT)/summary.txt
	@echo "alignment and uniformity of unseen pairs, before:" $$(cat $(OUT)/init.geometry.txt)
	@echo "and after:" $$(cat $(OUT)/model.geometry.txt)
	@echo "everything is in $(OUT)/; try: $(tool)tdump $(OUT)/views.ten | less"

all: $(OUT)/init.geometry.txt $(OUT)/model.geometry.txt

include $(here)represent.mk

$(OUT)/views.ten: $(OUT)/corpus.ten
	$(tool)tshuf -s $(SEED) -o $(OUT)/shuffled.ten $(OUT)/corpus.ten
	$(tool)taug -m $(OUT)/vocab.ten -i $(OUT)/shuffled.ten --epochs $(EPOCHS) -l $(LENGTH) -s $(SEED) -z -o $@ $(AUGMENT)

$(OUT)/val.views.ten: $(OUT)/labelled/val.ten
	$(tool)taug -m $(OUT)/vocab.ten -i $(OUT)/labelled/val.ten -l $(LENGTH) -s $(SEED) -o $@ $(AUGMENT)

$(OUT)/model.ten: $(OUT)/init.ten $(OUT)/views.ten $(OUT)/val.views.ten
	$(tool)tpretrain -m $(OUT)/init.ten --objective contrastive --temperature $(TEMPERATURE) $(OPTIONS) \
	    --eval $(OUT)/val.views.ten --eval-every 50 --warmup 30 --steps $(STEPS) -b $(BATCH) --lr $(LR) \
	    --dropout $(DROPOUT) -s $(SEED) --log $(OUT)/run.ten -o $@ $(OUT)/views.ten
$(OUT)/run.ten: $(OUT)/model.ten

$(OUT)/%.geometry.txt: $(OUT)/%.ten $(OUT)/val.views.ten
	$(tool)tembed -m $< $(OUT)/val.views.ten | $(tool)teval --geometry > $@.tmp
	mv $@.tmp $@
