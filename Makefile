# A machine with Python (3.11 to 3.14), make and a way to the package registry is all it takes.
.DEFAULT_GOAL := help
.PHONY: help setup demo test quick lint format bench chaos mutants mutate fuzz sql lock clean
# Some containers set it. Each process would compile torch and 4,000 other modules anew, which takes 7 s.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
WEB := 'backend/**/*.js' 'backend/**/*.css'

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: ARGS (for demo, test, quick, bench, chaos, mutants, mutate and fuzz), TORCH_BACKEND (for setup: cpu, cu128, ...)"

setup: ## Make .venv with everything in it
	@bash scripts/setup.sh

demo: setup ## Run the demo: servers, workers, a gallery and the admin pages
	@exec $(BIN)/mediacluster demo $(ARGS)

test: lint ## Check style and types, then run all tests (those of the pages need Chromium or Chrome)
	@bash scripts/run_tests.sh $(ARGS)

quick: lint ## Check style and types, then run the unit tests: no server, no browser
	@bash scripts/run_tests.sh --unit $(ARGS)

lint: setup ## Check style, types and the layering of the modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/oxfmt --check $(WEB)
	$(BIN)/oxlint backend
	@bash scripts/lint_css.sh
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Lay the source out, and mend what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/oxfmt $(WEB)

bench: setup ## Measure beside other ways: one table of ratios, and bench.json (ARGS="fusion --scale 10": one, larger)
	$(BIN)/python -m benchmarks $(ARGS)

chaos: setup ## Break everything while clients upload, and check the history (ARGS=--uploads 10000: longer)
	$(BIN)/python -m scripts.chaos $(ARGS)

mutants: setup ## Break each promise once in a scratch copy, and see that the tests notice
	$(BIN)/python -m scripts.mutants $(ARGS)

mutate: setup ## Change the rules line by line, and see what no test notices (ARGS='backend.rules.naming*': one room)
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

fuzz: setup ## Upload a zoo of malformed, hostile and polyglot files
	$(BIN)/python -m scripts.fuzz $(ARGS)

sql: setup ## Write docs/dev/statements.md: every SQL statement with its purpose and its plan
	$(BIN)/python -m scripts.statements

lock: ## Write requirements.txt anew from pyproject.toml (ARGS=--upgrade for the newest versions)
	$$(bash scripts/uv.sh) pip compile pyproject.toml --group dev --all-extras --generate-hashes --universal \
		--python-version 3.11 --custom-compile-command "make lock" --quiet -o requirements.txt $(ARGS)

clean: ## Stop the embedded servers; remove .venv and caches (data in .mediacluster stays)
	@if [ -x $(BIN)/mediacluster ]; then $(BIN)/mediacluster stop || true; fi
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov dist mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
