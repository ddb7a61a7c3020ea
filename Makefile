# Everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
OUT ?= geoglot-demo
DATA ?= ../shared/data
EXAMPLES ?= 100
SECONDS ?= 60
COMPARE ?= 20
STUDIES := baseline resolution shift language pretraining shots tuning robustness

.PHONY: demo test slow fuzz load browser page page-lock lint format bench studies docs clean
.DELETE_ON_ERROR:

demo: $(VENV)/runtime
	$(BIN)/geoglot demo -o $(OUT)

test: $(VENV)/test
	$(BIN)/python -m pytest

# Kill and damage tests: some minutes.
slow: $(VENV)/test
	$(BIN)/python -m pytest -m slow

# The service: thousands of requests made from its own description, and 50 users at once.
fuzz: $(VENV)/test
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m fuzz tests/serve

load: $(VENV)/test
	$(BIN)/python benchmarks/serve.py --seconds $(SECONDS) --compare $(COMPARE)

# The page in Chromium (apt-get install chromium), on a server with the rendered demo. BROWSER_TESTS names some of them.
browser: $(VENV)/test $(VENV)/browser
	$(BIN)/python -m pytest -m browser $(or $(BROWSER_TESTS),tests/browser)

# Build the map page into the package; needs node 20.19 or newer. People who use the package need no node.
page: web/node_modules/.package-lock.json
	cd web && npx tsc --noEmit && npx vite build

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci
	touch $@

# After a change of web/package.json: the lock file anew, without addresses of registries or sponsors.
page-lock:
	cd web && npm install && node -e 'const fs = require("fs"), lock = JSON.parse(fs.readFileSync("package-lock.json")); \
	  for (const one of Object.values(lock.packages)) { delete one.funding; delete one.resolved; } \
	  fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n")'

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/test
	for script in $(filter-out benchmarks/common.py benchmarks/search_data.py benchmarks/search_store.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done

# The surveys' experiments, anew on the embedded model: pictures and figures of docs/studies.md. About 20 minutes on two cores.
studies: $(VENV)/test
	mkdir -p runs/studies docs/images/studies docs/runs/studies
	for name in $(STUDIES); do \
	  rm -rf runs/studies/$$name && \
	  $(BIN)/geoglot recipe study-$$name --set root=$(DATA) --set cache=runs/cache > runs/studies/$$name.toml && \
	  $(BIN)/geoglot train runs/studies/$$name.toml --out runs/studies/$$name && \
	  cp runs/studies/$$name/report.png docs/images/studies/$$name.png && \
	  cp runs/studies/$$name/report.json docs/runs/studies/$$name.json || exit 1; \
	done

docs: $(VENV)/docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site build geoglot-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One file in the environment stands for each set of packages that was installed.
$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "geoglot needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV) || (echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1)
	touch $@

$(VENV)/runtime: $(VENV)/made pyproject.toml constraints.txt
	@echo "Installing geoglot into $(VENV) ..."
	$(INSTALL) -e '.[serve]'
	touch $@

$(VENV)/test $(VENV)/lint $(VENV)/docs $(VENV)/browser: $(VENV)/%: $(VENV)/runtime
	@echo "Installing the extra '$*' ..."
	$(INSTALL) -e '.[$*]'
	touch $@
