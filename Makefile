PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint format bench expert cost watch take requirements clean git
.NOTPARALLEL: # what stops a run stops it before the installation

repro: git $(READY) ## set up, then run the study of params.yaml to the end
	python src/check.py
	python tools/mend_lock.py
	dvc repro

test: $(READY) ## set up, then run the tests
	python -m pytest

lint: $(READY) ## style and format
	ruff check .
	ruff format --check .

format: $(READY)
	ruff check --fix .
	ruff format .

bench: $(READY) ## the speed figures of docs/speed.md, as ratios
	for script in benchmarks/bench_*.py; do \
		echo "== $$script"; PYTHONPATH=src python $$script || exit 1; done

expert: $(READY) ## the simulated expert's map, after a change of the simulator
	python tools/simulate_expert.py

cost: $(READY) ## seconds and memory of each technique, to metrics/cost.json
	python tools/show_cost.py

watch: $(READY) ## what a study that runs here does now, and what remains
	@python tools/watch.py

take: $(READY) ## make take FROM=folder [REPLACE=yes]: copy the archives to data/incoming
	python src/download.py --take "$(FROM)" $(if $(filter yes,$(REPLACE)),--replace)

requirements: $(READY) ## compile requirements.in
	python -m pip install --quiet uv
	{ echo "# Compiled from requirements.in by \`make requirements\`; do not edit."; \
		uv pip compile --universal --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --quiet requirements.in; } > .requirements.partial
	mv .requirements.partial requirements.txt

git: # a zip from a forge holds no repository, without which DVC does nothing
	@[ -e .git ] || git rev-parse --git-dir >/dev/null 2>&1 || { \
		echo "error: no Git repository here, and DVC needs one; run: git init &&" \
			"git add --all && git commit --message 'cytobalance as published'" >&2; \
		exit 1; }

clean: ## remove what a run makes; the archives and the cache stay
	rm -rf .cache .pytest_cache .ruff_cache dvc_plots plots/copies plots/report.html \
		data/raw data/ingested data/unread data/relabelled.csv data/duplicates \
		data/cells data/hold_out.csv \
		data/synthetic data/assess data/splits data/predictions data/curves \
		data/views data/source_out.csv models

$(READY): requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python tools/write_plots_template.py
	touch $@
