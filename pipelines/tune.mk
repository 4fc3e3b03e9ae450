# A search over the settings of fine-tuning: each trial a file, chosen by a measure of the validation part.
#
#     make -f pipelines/tune.mk -j2 OUT=folder SEARCH='lr=3e-4|1e-3 dropout=0.1|0.3'
#     make -f pipelines/tune.mk -j2 OUT=folder RANDOM_TRIALS=20 SEARCH='lr=1e-4..1e-2 layer-decay=0.5..1'
#
# Settings are long options of tfinetune. What is adapted and to what comes from another pipeline, FROM, or from the files BASE, TRAIN, VAL and TEST. Killed anywhere, make goes on: finished trials stay, the others go on
# from their checkpoints. The test part is looked at once, with the trial that was chosen.
here := $(dir $(lastword $(MAKEFILE_LIST)))
FROM = $(here)classify.mk
# settings of that, such as FROM_SETTINGS='VOCAB=2048 WIDTH=256'; those of this file do not reach it
FROM_SETTINGS =
MAKEOVERRIDES =
OUT = tune
SEED = 1

SEARCH = lr=3e-4|1e-3|3e-3 dropout=0.1|0.3
RANDOM_TRIALS = 0
METRIC = accuracy
STEPS = 200
BATCH = 16
EVAL_EVERY = 20
# options that all trials share
OPTIONS = --warmup 20

BASE = $(OUT)/from/base.ten
TRAIN = $(OUT)/from/labelled/train.ten
VAL = $(OUT)/from/labelled/val.ten
TEST = $(OUT)/from/labelled/test.ten

SETTINGS = $(FROM) $(FROM_SETTINGS) $(SEED) $(METRIC) $(STEPS) $(BATCH) $(EVAL_EVERY) $(OPTIONS) $(BASE) $(TRAIN) $(VAL) $(TEST)

all: $(OUT)/summary.txt $(OUT)/search.svg
	@cat $(OUT)/summary.txt
	@echo "everything is in $(OUT)/, a trial a folder in $(OUT)/trials/"

include $(here)common.mk

trials := $(shell python3 $(here)trials.py --random $(RANDOM_TRIALS) --seed $(SEED) '$(SEARCH)')
ifeq ($(trials),)
$(error SEARCH says no trials)
endif
comma := ,

ifeq ($(BASE),$(OUT)/from/base.ten)
# one command makes what is searched with
$(BASE): $(OUT)/settings
	$(MAKE) --no-print-directory -f $(FROM) BIN='$(BIN)' OUT=$(OUT)/from SEED=$(SEED) $(FROM_SETTINGS) $(BASE) $(TRAIN) $(VAL) $(TEST)
$(TRAIN) $(VAL) $(TEST): $(BASE)
endif

$(OUT)/trials/%/model.ten: $(BASE) $(TRAIN) $(VAL) $(OUT)/settings
	@mkdir -p $(@D)
	$(tool)tfinetune -q -m $(BASE) --eval $(VAL) --eval-every $(EVAL_EVERY) --metric $(METRIC) --steps $(STEPS) -b $(BATCH) \
	    -s $(SEED) -j 1 $(OPTIONS) $(addprefix --,$(subst $(comma), ,$*)) --log $(@D)/run.ten -o $@ $(TRAIN)

$(OUT)/trials/%/val.txt: $(OUT)/trials/%/model.ten
	$(tool)teval -q --task --bootstrap 0 -j 1 -m $(@D)/model.ten $(VAL) > $@.tmp
	mv $@.tmp $@

# a line a trial, the best first; of equals the one that comes first in the search
results = $(foreach t,$(trials),$(OUT)/trials/$t/val.txt)
$(OUT)/table.csv: $(results) $(OUT)/search
	{ echo '$(subst $(comma),$(comma),$(METRIC)),$(subst $() ,$(comma),$(foreach s,$(subst $(comma), ,$(firstword $(trials))),$(firstword $(subst =, ,$s))))'; \
	  for t in $(trials); do \
	    printf '%s,%s\n' "$$(sed -n 's/^$(METRIC): //p' $(OUT)/trials/$$t/val.txt)" "$$(sed 's/[^,]*=//g' <<< $$t)"; \
	  done | sort -s -t, -k 1,1$(if $(filter loss mae ece,$(METRIC)),g,gr); } > $@.tmp
	mv $@.tmp $@
# rewritten only when the trials change
$(OUT)/search: FORCE | $(OUT)
	@echo '$(trials)' | cmp -s - $@ || echo '$(trials)' > $@

chosen = $(subst $() ,$(comma),$(join $(addsuffix =,$(wordlist 2,99,$(subst $(comma), ,$(shell sed -n 1p $(OUT)/table.csv)))),\
	$(wordlist 2,99,$(subst $(comma), ,$(shell sed -n 2p $(OUT)/table.csv)))))
$(OUT)/best.ten: $(OUT)/table.csv
	cp $(OUT)/trials/$(chosen)/model.ten $@
$(OUT)/test.txt: $(OUT)/best.ten $(TEST)
	$(tool)teval --task -s $(SEED) -m $(OUT)/best.ten $(TEST) > $@.tmp
	mv $@.tmp $@

$(OUT)/search.svg: $(OUT)/table.csv $(here)search.gp
	gnuplot -e "csv='$(OUT)/table.csv'; svg='$@'" $(here)search.gp

$(OUT)/summary.txt: $(OUT)/table.csv $(OUT)/test.txt
	{ echo "$(words $(trials)) trials, by $(METRIC) of the validation part"; tr , '\t' < $(OUT)/table.csv; \
	  echo; echo "the first of them on the test part"; cat $(OUT)/test.txt; } > $@.tmp
	mv $@.tmp $@
