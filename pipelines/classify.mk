# From labelled texts to a classifier, every intermediate a file of its own:
#
#     make -f pipelines/classify.mk OUT=folder LABELLED=reviews.jsonl TEXT=book.txt
#
# A small BERT learns to restore hidden words of the text and of the labelled records (of these it sees the text of the
# training part, no label), is adapted to the labels, the best model by the validation part is kept, and measured on
# the test part beside a bag of words.
here := $(dir $(lastword $(MAKEFILE_LIST)))
TEXT = $(here)data/stories.txt
LABELLED = $(here)data/reviews.jsonl
IMPORT = --as labelled
OUT = classify
SEED = 1

VOCAB = 4096
LENGTH = 64
LAYERS = 1
HEADS = 4
WIDTH = 128
POLICY = word
EPOCHS = 20
PRETRAIN_STEPS = 200
METRIC = accuracy
STEPS = 300
BATCH = 16
LR = 1e-3
DROPOUT = 0.3
# more options of tfinetune, such as --lora 8
OPTIONS = --label-smoothing 0.1
LOSS_OF = record

SETTINGS = $(TEXT) $(LABELLED) $(IMPORT) $(SEED) $(VOCAB) $(LENGTH) $(LAYERS) $(HEADS) $(WIDTH) $(POLICY) $(EPOCHS) \
	$(PRETRAIN_STEPS) $(METRIC) $(STEPS) $(BATCH) $(LR) $(DROPOUT) $(OPTIONS)

all: $(OUT)/summary.txt $(OUT)/loss.svg $(OUT)/calibration.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/; try: $(tool)tdump -f text -f label -f predicted $(OUT)/predictions.ten | less"

include $(here)labelled.mk
include $(here)task.mk

$(OUT)/words.txt: $(OUT)/labelled/train.ten $(OUT)/labelled/test.ten
	$(tool)teval --probe --train $(OUT)/labelled/train.ten $(OUT)/labelled/test.ten > $@.tmp
	mv $@.tmp $@

$(OUT)/calibration.csv: $(OUT)/calibration.ten
	$(tool)tdump --csv $(OUT)/calibration.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/calibration.svg: $(OUT)/calibration.csv $(here)calibration.gp
	gnuplot -e "csv='$(OUT)/calibration.csv'; svg='$@'" $(here)calibration.gp

$(OUT)/summary.txt: $(OUT)/test.txt $(OUT)/words.txt $(OUT)/run.csv
	{ $(about); \
	  awk -F': ' '$$1 == "most_frequent" { printf "accuracy of the most frequent label: %.4f\n", $$2 } \
	      $$1 == "accuracy" { printf "accuracy of a bag of words: %.4f\n", $$2 }' $(OUT)/words.txt; \
	  $(call interval,accuracy,accuracy); $(call interval,macro_f1,macro F1); $(call interval,ece,calibration error); } > $@.tmp
	mv $@.tmp $@
