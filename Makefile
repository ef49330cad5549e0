# make demo    open the demo page in the browser
# make test    run the unit tests and one case of each other kind (ARGS=--all for all)
# make lint    check style, imports and types
# make train   train a model into outputs/model
# make browser build the page that needs no server, space/browser/dist
# make pins    compile the pinned requirements from pyproject.toml (ARGS=--upgrade for the newest)
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: demo test train browser lint pins clean

demo: $(VENV)/.demo
	$(BIN)/denoiser demo

test: $(VENV)/.all $(if $(shell command -v npm),.node/.installed)
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

train: $(VENV)/.all
	$(BIN)/denoiser train $(ARGS)

browser: $(VENV)/.all .node/.installed
	node space/browser/build.js space/browser/dist
	$(BIN)/python -m olivetti_denoiser.publish.static_space model_card space/browser/dist

lint: $(VENV)/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=space $(BIN)/lint-imports
	$(BIN)/mypy

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url $(ARGS) pyproject.toml

# The versions that stand in the files are kept, unless ARGS says otherwise.
pins: | $(BIN)/uv
	$(COMPILE) --extra space --output-file space/requirements.txt
	$(COMPILE) --extra space --extra train --extra bm3d --group test --constraint space/requirements.txt --output-file requirements.txt
	@for file in space/requirements.txt requirements.txt; do \
		{ echo "# Written by \`make pins\` from pyproject.toml: every package, with all that it brings."; cat $$file; } > $$file.new && mv $$file.new $$file; \
	done

clean:
	rm -rf $(VENV) .node outputs screenshots space/browser/dist

# The environments are stamped files, so that a second `make` starts at once.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) and "Python 3.11 to 3.14 is needed, e.g. make PYTHON=python3.12. Received: " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.demo: space/requirements.txt pyproject.toml | $(BIN)/uv
	@echo "Installing what the demo needs (about 1 GB) ..."
	$(INSTALL) -r space/requirements.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

# TensorFlow has wheels for these alone.
$(VENV)/.all: requirements.txt space/requirements.txt pyproject.toml | $(BIN)/uv
	@$(BIN)/python -c 'import platform as p, sys; here = p.system() + " " + p.machine(); sys.exit((sys.version_info[:2] > (3, 13) or here == "Darwin x86_64") and "Training and the tests need TensorFlow: Python 3.11 to 3.13 on Linux or a Mac with Apple silicon, e.g. make clean, then make test PYTHON=python3.12. Received: Python " + p.python_version() + ", " + here)'
	@echo "Installing what training and the tests need (about 4 GB) ..."
	$(INSTALL) -r requirements.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

.node/.installed: space/browser/package.json space/browser/package-lock.json
	@command -v node npm >/dev/null || { echo "The page in the browser is built with Node 20 or newer: https://nodejs.org, or apt-get install nodejs npm"; exit 1; }
	mkdir -p .node
	cp space/browser/package.json space/browser/package-lock.json .node/
	cd .node && npm ci --ignore-scripts
	@touch $@
