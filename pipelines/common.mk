# What the pipelines share. The one that includes this has set `here`, OUT and SETTINGS.
SHELL = bash
.SHELLFLAGS = -eu -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:

$(if $(filter-out 1,$(words $(OUT))),$(error OUT is the name of a folder, without spaces in it))

# where the tools are: empty = on the PATH
BIN =
tool = $(if $(BIN),$(BIN)/)

$(OUT):
	@mkdir -p $@

# rewritten only when a setting changes
$(OUT)/settings: FORCE | $(OUT)
	@echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' > $@

$(OUT)/run.csv: $(OUT)/run.ten
	$(tool)tdump --csv $(OUT)/run.ten > $@.tmp
	mv $@.tmp $@

$(OUT)/loss.svg: $(OUT)/run.csv $(here)loss.gp
	gnuplot -e "csv='$(OUT)/run.csv'; svg='$@'; unit='$(or $(LOSS_OF),token)'" $(here)loss.gp

FORCE:
.PHONY: all FORCE
