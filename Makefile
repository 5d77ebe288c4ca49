# One command each; every target sets up what it needs. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
STAMP   = $(VENV)/.installed
LOCK   ?= requirements.lock
BENCH   = $(PY) -m benchmark

option   = $(if $($(1)),$(2) $($(1)))
where    = $(call option,WORKERS,--workers) $(call option,GPUS,--gpus) \
  $(call option,PER_GPU,--per_gpu) $(call option,SLURM,--slurm)

.DEFAULT_GOAL := help
.PHONY: help setup lock bench table rerun robust fantasies leaderboard plots page costs scale perf tune evolve audit list test lint check fuzz mutants clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22
	@echo "  table takes PAPER= ONLY= (a dataset) SEEDS= and where to run, as does bench: WORKERS=, GPUS=all PER_GPU=, SLURM=partition"
	@echo "  bench takes ALGO= (a name, a,b,c or all) DATASET= NETWORK= SEEDS= EPOCHS= DEVICES= AGAIN=1 ARGS='--any.option x'"
	@echo "  CONFIG= (files or folders of rows or records) instead of the names"

setup: $(STAMP)  ## create .venv, install what requirements.lock names by hash (LOCK= the newest)

$(STAMP): pyproject.toml setup.py constraints.txt $(LOCK)
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
ifneq ($(LOCK),)
	$(PY) -m pip install -q --require-hashes -r $(LOCK)
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .
else
	$(PY) -m pip install -q -c constraints.txt -e '.[dev,tune,cluster,evolution]'
endif
	touch $@

lock: setup  ## resolve requirements.lock anew, for all platforms (ARGS=--upgrade: newest versions)
	$(PY) -m pip install -q uv
	$(VENV)/bin/uv pip compile -q pyproject.toml --all-extras -c constraints.txt --universal \
	  --python-version 3.11 --generate-hashes --no-header -o requirements.lock $(ARGS)

bench: setup  ## train ALGO (dfa) beside backprop, record it, print its rows
	@$(BENCH) bench $(call option,CONFIG,--config) $(call option,ALGO,--algorithm) $(call option,DATASET,--dataset) \
	  $(call option,NETWORK,--network) $(call option,SEEDS,--seeds) $(call option,EPOCHS,--epochs) \
	  $(call option,DEVICES,--machine.devices) $(if $(AGAIN),--again) $(where) $(ARGS)

table: setup  ## train what the tables of PAPER lack, print them beside the published numbers
	@$(BENCH) table --paper $(PAPER) $(call option,ONLY,--only) $(call option,SEEDS,--seeds) \
	  $(call option,ALGO,--algorithm) $(call option,TRIALS,--trials) $(where) $(ARGS)

rerun: setup  ## train the row and seed of RECORD=results/records/x.json again, and compare
	@$(BENCH) rerun $(or $(RECORD),$(error RECORD=results/records/x.json is missing)) $(ARGS)

robust: setup  ## attack the recorded runs of ALGO or on DATASET: results/robustness/ (AGAIN=1, RECORD=)
	@$(BENCH) robust $(call option,RECORD,--record) $(call option,ALGO,--algorithm) \
	  $(call option,DATASET,--dataset) $(call option,NETWORK,--network) $(if $(AGAIN),--again) $(ARGS)

fantasies: setup  ## draw recorded Boltzmann machines: results/boltzmann/ (RECORD=)
	@$(BENCH) fantasies $(call option,RECORD,--record) $(ARGS)

leaderboard: setup  ## tables from the records: results/leaderboard.md, results/tables/, and README's
	@$(BENCH) leaderboard --readme README.md

plots: setup  ## learning curves, alignment angles, accuracy against cost: results/plots/ (PNG and SVG)
	@$(BENCH) plots

page: setup  ## all tables and drawings as web pages, without a server: results/page/index.html
	@$(BENCH) page

costs: setup  ## count FLOPs, passes and memory of all recorded rows: results/costs.md (AGAIN=1)
	@$(BENCH) costs $(if $(AGAIN),--again) $(ARGS)

scale: setup  ## ImageNet on nodes of GPUs, on paper: results/scale.md (ROOT= of JPEGs)
	@$(BENCH) scale $(call option,ROOT,--root) $(ARGS)

perf: setup  ## time our training steps against bare PyTorch loops
	@$(BENCH) perf $(ARGS)
	@$(BENCH) perf --parts

tune: setup  ## search ALGO's metaparameters on the validation split (TRIALS=20)
	@$(BENCH) tune $(call option,ALGO,--algorithm) $(call option,DATASET,--dataset) \
	  $(call option,NETWORK,--network) --trials $(or $(TRIALS),20) $(call option,EPOCHS,--epochs) $(ARGS)

evolve: setup  ## search for a network that solves TASK (xor, cart_pole, double_pole): ALGO=es, ga or neat
	@$(BENCH) evolve --task $(TASK) --algorithm $(ALGO) $(call option,SEEDS,--seeds) $(ARGS)

audit: setup  ## what ALGO (all) really is: angle to backprop, is it backprop, products, passes
	@$(BENCH) audit $(call option,ALGO,--algorithm) $(ARGS)

list: setup  ## algorithms, networks, datasets and tasks by name
	@$(BENCH) list

test: setup  ## the whole test suite
	$(PY) -m pytest -n 2 --dist loadgroup

lint: setup  ## formatting, lint and types
	$(PY) -m ruff format --check benchmark tests setup.py
	$(PY) -m ruff check benchmark tests setup.py
	$(PY) -m mypy

check: lint  ## lint and the fast tests
	$(PY) -m pytest -n 2 tests/oracle tests/limits tests/records

fuzz: setup  ## generated options, configs, records, checkpoints and data files, for about an hour
	$(PY) -m pytest tests/fuzz -n 2 --hypothesis-profile=hour --hypothesis-show-statistics $(ARGS)

mutants: setup  ## plant known defects in a copy, one by one: the tests must notice each
	$(PY) -m tests.mutants

clean:  ## remove the environment and caches, never results
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
