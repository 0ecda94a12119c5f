# Tidemill. `make` alone says what there is. Every target sets up first, which takes seconds once it was done.
SHELL := /bin/sh
# One after another, but for what `test` asks for TOGETHER: each of these two keeps one core busy.
ifndef TOGETHER
.NOTPARALLEL:
endif
.DEFAULT_GOAL := help
PY := .venv/bin/python
# COVERAGE=yes measures which lines are reached, for `make coverage`.
COVERAGE ?=
PYTEST := $(PY) $(if $(COVERAGE),-m coverage run) -m pytest -q
# So many files at once, those marked `long` first. Tests against a broker wait more than they work; each of these
# processes has a broker of its own.
TWO_AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder
THREE_AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder
# KAFKA=HOST:PORT uses that Kafka instead of the embedded one.
KAFKA ?=
# Processes that start again, as after a kill, should not compile their modules anew.
export PYTHONDONTWRITEBYTECODE :=
TIDEMILL := .venv/bin/tidemill

.PHONY: help setup demo up kafka test lint scan audit sbom hooks coverage types unit contract broker faults faults-full soak e2e packaging dist release-check containers k8s k8s-test sigstore-test terraform rolling bench manifests reference dashboards notebooks asyncapi site compose-files lock format clean

help: ## what there is to do
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: ## Python environment, by hash; then Kafka's jars, by hash
	@PYTHON="$(PYTHON)" scripts/setup.sh
	@$(if $(KAFKA),:,$(PY) -m tidemill_embedded.broker.jars)

demo: setup ## turn the loop once on real flights (about three minutes)
	@$(TIDEMILL) demo $(if $(KAFKA),--kafka $(KAFKA)) $(ARGS)

up: setup ## run the platform until Ctrl-C
	@$(TIDEMILL) up $(if $(KAFKA),--kafka $(KAFKA)) $(ARGS)

kafka: setup ## run the broker alone until Ctrl-C
	@$(TIDEMILL) kafka $(ARGS)

test: lint ## all checks
	@$(MAKE) --no-print-directory -j2 TOGETHER=yes types packaging
	@$(MAKE) --no-print-directory contract unit broker faults e2e
	@echo "== all checks passed"

lint: setup ## ruff; declared and imported dependencies (deptry); workflows (zizmor)
	@echo "== lint"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) scripts/dependencies.py
	@$(PY) scripts/delivery/scan.py workflows

scan: setup ## look for what is insecure in our sources (bandit) and workflows (zizmor); no network
	@echo "== scan"
	@$(PY) scripts/delivery/scan.py

audit: setup ## ask for known faults of every locked version (pip-audit; needs the network; not part of `make test`)
	@$(PY) scripts/delivery/audit.py $(ARGS)

sbom: setup ## write a bill of materials of each image (CycloneDX) into dist/sbom
	@$(PY) scripts/delivery/sbom.py $(ARGS)

hooks: setup ## have Git run quick checks before each commit (pre-commit)
	@$(PY) scripts/delivery/tools.py pre-commit install

coverage: ## lines reached, of all that was measured by COVERAGE=yes: fails below 85 % (tool.coverage)
	@$(PY) -m coverage combine --quiet --keep
	@$(PY) -m coverage report

types: setup ## mypy, strict
	@echo "== types"
	@$(PY) -m mypy

unit: setup ## tests of pure code and the examples in docstrings, no broker
	@echo "== unit tests"
	@$(PYTEST) tests/unit $(TWO_AT_ONCE)
	@$(PYTEST) --doctest-modules libs/learning/src libs/core/src/tidemill/stats

contract: setup ## checks of the repository itself
	@echo "== contract tests"
	@$(PYTEST) tests/contract $(TWO_AT_ONCE)

broker: setup ## tests against a real broker
	@echo "== broker tests"
	@$(PYTEST) tests/broker $(THREE_AT_ONCE) $(ARGS)

faults: setup ## real processes killed, frozen, cut off: short form (three minutes); writes var/faults/report.json
	@echo "== faults"
	@$(if $(KAFKA),TIDEMILL_KAFKA_BOOTSTRAP=$(KAFKA)) $(PYTEST) tests/faults $(TWO_AT_ONCE) $(ARGS)

faults-full: setup ## the same in full sizes; writes docs/fault-report.md too
	@echo "== faults, full sizes"
	@TIDEMILL_FAULTS=full $(if $(KAFKA),TIDEMILL_KAFKA_BOOTSTRAP=$(KAFKA)) $(PYTEST) tests/faults $(ARGS)

soak: setup ## mixed load on every process, a random fault a minute (MINUTES=30 SEED=7): its row of docs/fault-report.md
	@TIDEMILL_FAULTS=full TIDEMILL_SOAK_MINUTES=$(or $(MINUTES),30) TIDEMILL_FAULTS_SEED=$(or $(SEED),7) $(PYTEST) -s tests/faults/soak $(ARGS)

e2e: setup ## tests of the whole platform
	@echo "== end-to-end tests"
	@$(PYTEST) tests/e2e $(TWO_AT_ONCE)

packaging: setup ## each service alone in an empty environment
	@echo "== isolated installs"
	@$(PYTEST) tests/packaging

dist: setup ## build wheels and source distributions of all packages into dist/
	@$(PY) scripts/dist.py

release-check: setup ## build, check and install all that is released, and run the quick start from it (minutes; not part of `make test`)
	@$(PYTEST) tests/release $(ARGS)

containers: setup ## build every image and run the whole Compose file (needs a Docker engine; not part of `make test`)
	@if $(PY) -m tests.containers.engine; then $(PYTEST) tests/containers $(ARGS) && $(PY) -m tests.containers.sizes; fi

k8s: setup ## the overlays on a real control plane with KEDA, until Ctrl-C (root and Go; the first time builds it, some 15 minutes)
	@$(PY) -m tests.kubernetes

k8s-test: setup ## scaled by real lag, killed at every step, drained; writes var/k8s/report.json (not part of `make test`)
	@$(PY) -m tests.kubernetes.cluster.ready && $(PY) -m tests.kubernetes.cluster.enter $(PYTEST) -s tests/kubernetes $(ARGS)

sigstore-test: setup ## sign and verify without keys on Sigstore's own servers, built once (Go; not part of `make test`)
	@$(PY) -m tests.sigstore.tools && $(PYTEST) -s tests/sigstore $(ARGS)

terraform: setup ## the modules of deploy/terraform by Terraform, OpenTofu and tflint, where they are, and checkov (not part of `make test`)
	@$(PYTEST) -s tests/terraform $(ARGS)

rolling: setup ## roll workers from the release in PREVIOUS (a checkout that is set up) to this one under load, and back (not part of `make test`)
	@$(if $(PREVIOUS),TIDEMILL_PREVIOUS=$(PREVIOUS) $(PYTEST) -s tests/upgrade $(ARGS),$(error name a checkout of the release before, in which `make setup` has run: make rolling PREVIOUS=../tidemill-before))

bench: setup ## measure speed beside the limit and peers (NAME=validator for one, ARGS=--quick to try it)
	@$(PY) -m benchmarks $(NAME) $(ARGS)

manifests: setup ## write what of deploy/kubernetes follows from models, schemas and alerts
	@$(PY) scripts/manifests.py

reference: setup ## write docs/reference from the code: model file, settings, commands, metrics, REST, topics, data map
	@$(PY) scripts/reference.py

dashboards: setup ## write Grafana's dashboards from scripts/boards
	@PYTHONPATH=scripts $(PY) -m boards.files

notebooks: setup ## write the notebooks of the examples from their scripts
	@$(PY) scripts/notebooks.py

asyncapi: ## ask AsyncAPI's own parser about docs/reference/asyncapi.yaml (needs Node; not part of `make test`)
	@mkdir -p var/asyncapi && cp scripts/asyncapi/* var/asyncapi/
	@cd var/asyncapi && npm ci --silent --no-audit --no-fund && node check.mjs ../../docs/reference/asyncapi.yaml

site: setup ## build the site into var/site (ARGS=serve shows it while you write)
	@$(PY) scripts/site/build.py $(ARGS)

compose-files: setup ## write the Compose files that `tidemill init` gives a project
	@$(PY) scripts/project_compose.py

lock: setup ## write the lock files anew from the pyproject files (ARGS=--upgrade for newer versions)
	@$(PY) scripts/lock.py $(ARGS)

format: setup ## let ruff format and fix what it can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

clean: ## remove what runs have left in var/ (keeps .venv)
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis
