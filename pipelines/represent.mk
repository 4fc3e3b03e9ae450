# What bert.mk and contrastive.mk share: what the representations of a model are worth.
IMPORT = --as labelled
include $(here)labelled.mk

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
