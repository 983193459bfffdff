.PHONY: demo docs screenshots bench bench-server cluster test test-long test-matrix lint types pytest lock clean
.DEFAULT_GOAL := test

VENV := .venv/ready
BIN := .venv/bin

$(VENV): requirements-dev.txt pyproject.toml scripts/bootstrap
	@scripts/bootstrap

test: lint types pytest ## lint, types and all tests

lint: $(VENV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/deptry airflow_provider_upstash_vector

types: $(VENV)
	$(BIN)/mypy

pytest: $(VENV)
	@scripts/install-node
	@scripts/install-chromium
	@scripts/install-nginx
	@scripts/install-tinyproxy
	$(BIN)/pytest --numprocesses 2 --dist loadfile --cov --cov-report=
	$(BIN)/coverage report --include='*/client/*' --fail-under=100
	$(BIN)/coverage report --skip-covered --sort=cover | tail -20

test-long: $(VENV) ## bulk runs killed in loops, some 10 minutes
	$(BIN)/pytest -m long tests/bulk

test-matrix: $(VENV) ## the tests on every Airflow version, with the lowest dependencies, and the wheel; or ONLY="2.11.2 wheel"
	@scripts/install-tinyproxy
	@scripts/test-matrix $(ONLY)

demo: $(VENV) ## update a vector from a real Airflow run against the dev server
	$(BIN)/python scripts/demo.py

bench: $(VENV) ## speed and memory of bulk runs against aiohttp, the vendor's SDK and mapped tasks
	@scripts/install-nginx
	$(BIN)/python -m benchmarks.bulk

docs: $(VENV) ## build docs/ into site/, refusing a broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: $(VENV) ## those of the README, taken by the tests of the UI; the old ones stay where a test fails
	@scripts/install-chromium
	rm -rf build/docs-images
	SCREENSHOTS=build/docs-images $(BIN)/pytest tests/system/ui
	rm -f docs/images/*.png
	cp build/docs-images/*.png docs/images/

bench-server: $(VENV) ## speed, memory and start of the dev server
	$(BIN)/python benchmarks/bench_server.py

cluster: $(VENV) ## a sharded bulk update through Celery workers, one of which is killed
	@scripts/install-services
	$(BIN)/python -m scripts.cluster

lock: $(VENV) ## pin the environments anew
	@scripts/lock

clean:
	rm -rf .venv .nox .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .pytest_cache .hypothesis .coverage site
