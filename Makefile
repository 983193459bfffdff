.PHONY: demo bench-server test test-matrix lint types pytest lock clean
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
	$(BIN)/pytest --cov --cov-report=
	$(BIN)/coverage report --include='*/client/*' --fail-under=100
	$(BIN)/coverage report --skip-covered --sort=cover | tail -20

test-matrix: $(VENV) ## the tests on every Airflow version, with the lowest dependencies, and the wheel; or ONLY="2.11.2 wheel"
	@$(BIN)/python scripts/test_matrix.py $(ONLY)

demo: $(VENV) ## update a vector from a real Airflow run against the dev server
	$(BIN)/python scripts/demo.py

bench-server: $(VENV) ## speed, memory and start of the dev server
	$(BIN)/python benchmarks/bench_server.py

lock: $(VENV) ## pin the environments anew
	@scripts/lock

clean:
	rm -rf .venv .matrix .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
