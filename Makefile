# Two commands: `make book` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
RUN := HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(VENV)/bin/python

.PHONY: book html publish test lint format clean

book: $(VENV)/installed
	$(RUN) notebooks/run.py laptop

html: $(VENV)/installed
	$(RUN) notebooks/run.py committed

publish: $(VENV)/installed
	$(RUN) notebooks/run.py published

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist loadgroup

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

format: $(VENV)/installed
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[book,test,finetune]'
	touch $@

clean:
	rm -rf _build runs
