# What classify.mk and tag.mk share: pre-training by masked words, fine-tuning, measuring.
$(OUT)/base.ten: $(OUT)/init.ten $(OUT)/masked.ten $(OUT)/val.masked.ten
	$(tool)tpretrain -m $(OUT)/init.ten --eval $(OUT)/val.masked.ten --eval-every 50 --warmup 30 --steps $(PRETRAIN_STEPS) \
	    -b 32 --lr 2e-3 --dropout 0.1 -s $(SEED) --log $(OUT)/pretrain.ten -o $@ $(OUT)/masked.ten

$(OUT)/model.ten: $(OUT)/base.ten $(OUT)/labelled/train.ten $(OUT)/labelled/val.ten
	$(tool)tfinetune -m $(OUT)/base.ten --eval $(OUT)/labelled/val.ten --eval-every 20 --metric $(METRIC) --warmup 20 \
	    --steps $(STEPS) -b $(BATCH) --lr $(LR) --dropout $(DROPOUT) -s $(SEED) $(OPTIONS) --log $(OUT)/run.ten \
	    -o $@ $(OUT)/labelled/train.ten
$(OUT)/run.ten: $(OUT)/model.ten

# one command makes the three
$(OUT)/test.txt: $(OUT)/model.ten $(OUT)/labelled/test.ten
	$(tool)teval --task -m $(OUT)/model.ten --predictions $(OUT)/predictions.ten --calibration $(OUT)/calibration.ten \
	    -s $(SEED) $(OUT)/labelled/test.ten > $@.tmp
	mv $@.tmp $@
$(OUT)/calibration.ten $(OUT)/predictions.ten: $(OUT)/test.txt

about = echo "text: $(TEXT), labelled: $(LABELLED)"; \
	echo "model: bert, $(LAYERS) layers, $(HEADS) heads, width $(WIDTH); $(PRETRAIN_STEPS) steps of masked words, $(STEPS) steps of $(BATCH) records, seed $(SEED)"; \
	awk -F, -v c=$(if $(filter loss,$(METRIC)),8,9) 'NR > 1 && $$c != "nan" { if (best == "" || $$c $(if $(filter loss mae ece,$(METRIC)),<,>) best) { best = $$c; at = $$1 } } \
	    END { printf "best $(METRIC) of the validation part: %.4f after step %d\n", best, at }' $(OUT)/run.csv; \
	awk -F': ' '$$1 == "records" { printf "\nof %d test records that the model has not seen, with intervals of 95 %%:\n", $$2 }' $(OUT)/test.txt
# interval,NAME,WHAT: a line for a measure
interval = awk -F': ' -v n='$1' '$$1 == n { x = $$2 } $$1 == n ".low" { l = $$2 } $$1 == n ".high" { h = $$2 } \
	    END { printf "%s: %.4f (%.4f to %.4f)\n", "$2", x, l, h }' $(OUT)/test.txt
