.PHONY: demo screenshots bench-server test lint types pytest lock clean
.DEFAULT_GOAL := test

VENV := .venv/ready
BIN := .venv/bin

$(VENV): requirements-dev.txt pyproject.toml scripts/bootstrap
	@scripts/bootstrap

test: lint types pytest ## lint, types and all tests

lint: $(VENV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)
	$(BIN)/mypy

pytest: $(VENV)
	@scripts/install-node
	@scripts/install-chromium
	$(BIN)/pytest --cov --cov-report=
	$(BIN)/coverage report --include='*/client/*' --fail-under=100
	$(BIN)/coverage report --skip-covered --sort=cover | tail -20

demo: $(VENV) ## update a vector from a real Airflow run against the dev server
	$(BIN)/python scripts/demo.py

screenshots: $(VENV) ## those of the README, taken by the tests of the UI
	@scripts/install-chromium
	rm -f docs/images/*.png
	SCREENSHOTS=docs/images $(BIN)/pytest tests/ui

bench-server: $(VENV) ## speed, memory and start of the dev server
	$(BIN)/python benchmarks/bench_server.py

lock: $(VENV) ## pin the development environment anew
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.10 --no-annotate --no-header \
		--group dev --all-extras pyproject.toml --output-file requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
