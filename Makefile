.PHONY: demo docs screenshots bench bench-server cluster test test-long test-matrix lint lint-workflows types pytest lock wheel release clean
.DEFAULT_GOAL := test

VENV := .venv/ready
BIN := .venv/bin
# Without bytecode, each process that imports Airflow compiles it, which takes as long as its import.
unexport PYTHONDONTWRITEBYTECODE

$(VENV): requirements-dev.txt pyproject.toml scripts/bootstrap
	@scripts/bootstrap

test: lint types pytest ## run lint, type checks and all tests

lint: $(VENV) lint-workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/deptry airflow_provider_upstash_vector

lint-workflows: $(VENV)
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/pre-commit validate-config

types: $(VENV)
	$(BIN)/mypy

pytest: $(VENV)
	@scripts/install-node
	@scripts/install-chromium
	@scripts/install-nginx
	@scripts/install-tinyproxy
	@scripts/install-squid
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/coverage report --fail-under=100

test-long: $(VENV) ## kill bulk runs in a loop, try more examples, and update what other tools wrote: some 45 minutes
	$(BIN)/pytest -m 'long or hypothesis' --hypothesis-profile wide
	@scripts/install-node
	@scripts/test-matrix 'interop-*' internals-lowest

test-matrix: $(VENV) ## run the tests on older Airflow versions and with the lowest dependencies, and check the wheel; or ONLY="2.11.2 wheel"
	@scripts/install-chromium
	@scripts/install-tinyproxy
	@scripts/install-squid
	@scripts/test-matrix $(ONLY)

demo: $(VENV) ## update a vector in the dev server from an Airflow DAG
	$(BIN)/python scripts/demo.py

bench: $(VENV) ## measure speed and memory of bulk runs against aiohttp, the vendor's SDK and mapped tasks
	@scripts/install-nginx
	@scripts/install-tinyproxy
	$(BIN)/python -m benchmarks.bulk

docs: $(VENV) ## build docs/ into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: $(VENV) ## regenerate the screenshots of the README, if the tests of the UI pass
	@scripts/install-chromium
	rm -rf build/docs-images
	SCREENSHOTS=build/docs-images $(BIN)/pytest tests/system/ui
	rm -f docs/images/*.png
	cp build/docs-images/*.png docs/images/

bench-server: $(VENV) ## measure speed, memory and startup of the dev server
	$(BIN)/python benchmarks/bench_server.py

cluster: $(VENV) ## run a load, an update and a sync on Celery workers, and kill a worker in each
	@scripts/install-services
	$(BIN)/python -m scripts.cluster

wheel: $(VENV) ## build the wheel in dist/
	$(BIN)/uv build --quiet --wheel

release: $(VENV) ## build and check what a release publishes, in dist/
	$(BIN)/python -m scripts.release $(TAG)

lock: $(VENV) ## re-lock the dependencies
	@scripts/lock

clean:
	rm -rf .venv .nox .mypy_cache .ruff_cache .import_linter_cache .grimp_cache .pytest_cache .hypothesis .coverage site
