# What pipelines over labelled records share: a vocabulary of the text and of the records, the corpus to learn from
# without labels, the labelled parts, a model with random weights. LABELLED is imported with IMPORT.
include $(here)common.mk

$(OUT)/imported.ten: $(LABELLED) $(OUT)/settings
	$(tool)timport $(IMPORT) $(LABELLED) -o $@

$(OUT)/vocab.ten: $(TEXT) $(OUT)/imported.ten
	{ grep . $(TEXT) | $(tool)timport -q --format tsv --columns text | $(tool)tdump --jsonl; \
	  $(tool)tdump --jsonl -f text $(OUT)/imported.ten; } | \
	    $(tool)tvocab --jsonl -n $(VOCAB) --special '<|endoftext|>' --special '<|mask|>' -o $@

$(OUT)/text.ten: $(OUT)/vocab.ten $(TEXT)
	grep . $(TEXT) | $(tool)ttok --split line --words -m $(OUT)/vocab.ten -o $@

$(OUT)/labelled.ten: $(OUT)/vocab.ten $(OUT)/imported.ten
	$(tool)ttok --records --text --words -m $(OUT)/vocab.ten -o $@ $(OUT)/imported.ten

# one command makes all parts; the train part stands for them
$(OUT)/labelled/train.ten: $(OUT)/labelled.ten
	$(tool)tsplit --parts train=0.6,val=0.1,test=0.3 --key text -s $(SEED) -o $(OUT)/labelled/ $(OUT)/labelled.ten
$(OUT)/labelled/val.ten $(OUT)/labelled/test.ten: $(OUT)/labelled/train.ten

# what is learnt from: the text, and the training part without its labels
$(OUT)/corpus.ten: $(OUT)/text.ten $(OUT)/labelled/train.ten
	$(tool)tcat -f ids,words $(OUT)/labelled/train.ten -o $(OUT)/unlabelled.ten
	$(tool)tcat $(OUT)/text.ten $(OUT)/unlabelled.ten -o $@

$(OUT)/init.ten: $(OUT)/vocab.ten
	$(tool)tinit --arch bert --norm pre --layers $(LAYERS) --heads $(HEADS) --width $(WIDTH) \
	    --context 128 --vocab $(OUT)/vocab.ten -s $(SEED) -o $@

# ---- masked rows, for the pipelines that learn by them ----
$(OUT)/rows.ten: $(OUT)/corpus.ten
	$(tool)tpack -l $(LENGTH) $(OUT)/corpus.ten | $(tool)tshuf -s $(SEED) -o $@

$(OUT)/masked.ten: $(OUT)/rows.ten
	$(tool)tmask -m $(OUT)/vocab.ten --policy $(POLICY) --epochs $(EPOCHS) -s $(SEED) -z -o $@ $(OUT)/rows.ten

# masks that do not change, so that the losses of an evaluation can be compared
$(OUT)/val.masked.ten: $(OUT)/labelled/val.ten
	$(tool)tpack -l $(LENGTH) $(OUT)/labelled/val.ten | \
	    $(tool)tmask -m $(OUT)/vocab.ten --policy $(POLICY) -s $(SEED) -o $@
