# make demo    open the demo page in the browser
# make test    run the tests
# make lint    check style, imports and types
# make train   train a model into outputs/model
# make browser build the page that needs no server, space/browser/dist
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: demo test train browser lint clean

demo: $(VENV)/.demo
	$(BIN)/denoiser demo

test: $(VENV)/.all $(if $(shell command -v npm),.node/.installed)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

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

clean:
	rm -rf $(VENV) .node outputs screenshots space/browser/dist

# The environments are stamped files, so that a second `make` starts at once.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, e.g. make PYTHON=python3.12. Received: " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.demo: space/requirements.txt pyproject.toml | $(BIN)/uv
	@echo "Installing what the demo needs (about 1 GB) ..."
	$(INSTALL) -r space/requirements.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.all: requirements.txt space/requirements.txt pyproject.toml | $(BIN)/uv
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
