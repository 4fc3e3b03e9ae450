# What bert.mk and contrastive.mk share: the vocabulary, the corpus, the labelled parts, and what the
# representations of a model are worth.
include $(here)common.mk

# the text of the labelled records, which the vocabulary is learnt from, too
$(OUT)/vocab.ten: $(TEXT) $(LABELLED) $(OUT)/settings
	{ cat $(TEXT); python3 -c 'import json, sys; [print(json.loads(l)["text"]) for l in sys.stdin]' < $(LABELLED); } | \
	    $(tool)tvocab --split line -n $(VOCAB) --special '<|endoftext|>' --special '<|mask|>' -o $@

$(OUT)/text.ten: $(OUT)/vocab.ten $(TEXT)
	grep . $(TEXT) | $(tool)ttok --split line --words -m $(OUT)/vocab.ten -o $@

$(OUT)/labelled.ten: $(OUT)/vocab.ten $(LABELLED)
	$(tool)timport --as labelled $(LABELLED) | $(tool)ttok --records --text --words -m $(OUT)/vocab.ten -o $@

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

# ---- what a model's representations are worth: $(OUT)/MODEL.probe.txt, MODEL.knn.txt ----
$(OUT)/%.train.ten: $(OUT)/%.ten $(OUT)/labelled/train.ten
	$(tool)tembed --truncate -m $< -o $@ $(OUT)/labelled/train.ten
$(OUT)/%.test.ten: $(OUT)/%.ten $(OUT)/labelled/test.ten
	$(tool)tembed --truncate -m $< -o $@ $(OUT)/labelled/test.ten

$(OUT)/%.probe.txt: $(OUT)/%.train.ten $(OUT)/%.test.ten
	$(tool)teval --probe --train $(OUT)/$*.train.ten $(OUT)/$*.test.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/%.knn.txt: $(OUT)/%.train.ten $(OUT)/%.test.ten
	$(tool)teval --knn 15 --train $(OUT)/$*.train.ten $(OUT)/$*.test.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/words.txt: $(OUT)/labelled/train.ten $(OUT)/labelled/test.ten
	$(tool)teval --probe --train $(OUT)/labelled/train.ten $(OUT)/labelled/test.ten > $@.tmp
	mv $@.tmp $@

$(OUT)/accuracy.csv: $(OUT)/model.probe.txt $(OUT)/init.probe.txt $(OUT)/words.txt $(OUT)/model.knn.txt $(OUT)/init.knn.txt
	{ value() { awk -v n="$$2:" -v s="$$3" '$$1 == n { printf "%s,%.4f\n", s, $$2 }' $(OUT)/$$1.txt; }; \
	  value words most_frequent "most frequent label"; \
	  value words accuracy "bag of words"; \
	  value init.probe accuracy "untrained: probe"; \
	  value model.probe accuracy "trained: probe"; \
	  value init.knn accuracy "untrained: 15 nearest"; \
	  value model.knn accuracy "trained: 15 nearest"; } > $@.tmp
	mv $@.tmp $@

$(OUT)/accuracy.svg: $(OUT)/accuracy.csv $(here)accuracy.gp
	gnuplot -e "csv='$(OUT)/accuracy.csv'; svg='$@'" $(here)accuracy.gp

$(OUT)/summary.txt: $(OUT)/accuracy.csv $(OUT)/words.txt $(OUT)/run.csv
	{ echo "text: $(TEXT), labelled: $(LABELLED)"; \
	  echo "model: bert, $(LAYERS) layers, $(HEADS) heads, width $(WIDTH); $(STEPS) steps of $(BATCH), seed $(SEED)"; \
	  awk -F, 'NR > 1 && $$8 != "nan" { if (best == "" || $$8 < best) { best = $$8; at = $$1 } } \
	      END { printf "lowest validation loss: %.4f after step %d\n", best, at }' $(OUT)/run.csv; \
	  echo; awk '$$1 == "records:" { printf "accuracy on %d test records that the model has not seen; one standard error is about %.3f\n", \
	      $$2, 0.48 / sqrt($$2) }' $(OUT)/words.txt; \
	  awk -F, '{ printf "  %-28s %s\n", $$1, $$2 }' $(OUT)/accuracy.csv; } > $@.tmp
	mv $@.tmp $@
