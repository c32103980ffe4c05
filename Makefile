# A fresh machine needs Python 3.11 or newer and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# make run ARGS='operators' passes arguments on.
ARGS ?= run

.PHONY: run test bench census opinfo examples golden docs clean

run: .venv/.run
	@$(BIN)/backhand $(ARGS)

test: .venv/.test
	@sh tests/install_browser.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/python -m pytest -n auto

bench: .venv/.test
	$(BIN)/python -m benchmarks

# 400 architectures of transformers; `python -m benchmarks.census --help` lists the options.
census: .venv/.census
	$(BIN)/python -m benchmarks.census

# PyTorch's own samples; `python -m tests.opinfo --help` lists the options. Then `make docs`.
opinfo: .venv/.test
	$(BIN)/python -m tests.opinfo --again

exam: .venv/.test
	$(BIN)/python -m tests.faults.exam

# Trains the networks in examples/modules, in NumPy and in PyTorch; some minutes.
examples: .venv/.test
	$(BIN)/python examples/modules/train.py

# The written programs that the tests compare byte by byte.
golden: .venv/.test
	$(BIN)/python examples/modules/write.py

docs: .venv/.run
	@mkdir -p docs
	$(BIN)/backhand operators --markdown > docs/operators.md.new
	@mv docs/operators.md.new docs/operators.md

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist docs/operators.md.new
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PyTorch goes in first and by its pinned version, so that a CPU build that is at hand is taken.
# A bare `pip install torch` takes the newest release, on Linux with gigabytes of CUDA.
.venv/.torch: constraints.txt
	@echo "backhand: installing into .venv (once; this takes a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install --constraint constraints.txt torch
	@touch $@

.venv/.run: .venv/.torch pyproject.toml
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/.test: .venv/.run
	$(PIP) install --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv/.census: .venv/.test
	$(PIP) install --constraint constraints.txt transformers==5.23.0
	@touch $@
