# Everything a newcomer needs is `make demo` and `make test`.
# VENV=...    folder of the environment             PYTHON=...  interpreter to build it with
# ARGS=...    more arguments for the command        UPGRADE=1   let `make lock` move pins

VENV ?= .venv
PYTHON ?=
ARGS ?=

unexport PYTHONPATH PYTHONHOME
export VENV PYTHON UPGRADE

ENVIRONMENT = sh tools/environment.sh
# One file per worker at a time, so that what a file sets up (a docking server) is set up once.
TEST = python -m pytest -n auto --maxprocesses=8 --dist=loadfile
# Programs of the environment (obabel is one) come first, as in an activated shell.
ACTIVATE = PATH="$$(cd "$(VENV)/bin" && pwd):$$PATH" && export PATH

.PHONY: help environment demo test check lock clean

help:
	@echo "make demo    dock, change, dock again: optimise a molecule against PPARA, offline"
	@echo "make test    run the tests"
	@echo "make check   lint, formatting and types"
	@echo "make lock    resolve the dependencies again (UPGRADE=1 moves pins)"
	@echo "make clean   remove caches and build products; the environment and runs/ stay"
	@echo
	@echo "The first of them creates $(VENV) from requirements.lock; VENV=... and PYTHON=... choose."

environment:
	@$(ENVIRONMENT)

demo: environment
	@$(ACTIVATE) && textgrad run molecules --target PPARA --start c1ccccc1 $(ARGS)

test: environment
	@$(ACTIVATE) && $(TEST) $(ARGS)

check: environment
	@$(ACTIVATE) && ruff check $(ARGS) && ruff format --check && mypy

lock: environment
	@$(ACTIVATE) && { command -v uv >/dev/null || python -m pip install --quiet uv; } && \
	python tools/lock.py

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage build dist
	find . -name .git -prune -o -path "./$(VENV)" -prune -o \
	  -type d -name __pycache__ -prune -exec rm -rf {} +
