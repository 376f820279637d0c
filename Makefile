# jenkins-bootstrap. Two commands set everything up: `make jenkins-ami` and `make test`.

SETTINGS ?= jenkins-bootstrap.yml
TARGET ?=
IMAGE ?= controller
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/jenkins-bootstrap -c $(SETTINGS) $(if $(TARGET),--target $(TARGET))
PYTEST := $(BIN)/pytest
STAMP := $(VENV)/.installed

.PHONY: help setup jenkins-ami test test-313 lint bench soak demo acceptance lock clean

help:
	@echo "make jenkins-ami   all set-up, then the controller image (TARGET=aws for the real one, SETTINGS=FILE)"
	@echo "make test          all set-up, then the tests"
	@echo "make test-313      the definitions on Python 3.13, byte for byte; PYTHON313=PATH names one"
	@echo "make demo          check, bake, and a look into the image, on the embedded target"
	@echo "make bench         the figures, measured side by side"
	@echo "make lint          ruff and mypy"
	@echo "make soak          the long tests"
	@echo "make acceptance    against a real Jenkins: JENKINS_WAR=FILE JENKINS_PLUGINS=DIR"
	@echo "make lock          resolve the dependencies anew"
	@echo "make clean         end the embedded target, remove what it baked, and the environment"

setup:
	@sh .ci/setup $(VENV)

jenkins-ami: setup
	@$(RUN) bake $(IMAGE)

# Compiled Python is kept, whatever the environment says: hundreds of processes begin with it.
test: setup
	@PYTHONDONTWRITEBYTECODE= $(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder -m "not soak and not acceptance"

# Python 3.13 is what the images run, and its minidom writes another text than 3.11's: see jobs/shapes.py.
test-313:
	@for python in "$(PYTHON313)" python3.13 $(HOME)/.pyenv/versions/3.13*/bin/python3.13; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && break; python=; \
	done; \
	test -n "$$python" || { echo "NOT TESTED: no Python 3.13 found; try: make test-313 PYTHON313=PATH" >&2; exit 2; }; \
	PYTHON="$$python" sh .ci/setup $(VENV)-3.13 && \
	$(VENV)-3.13/bin/pytest -n 0 -m "soak or not soak" tests/jobs/test_jobs_xml.py tests/jobs/test_jobs_variants.py \
	  tests/jobs/test_jobs_own.py tests/jobs/test_jjb_contract.py tests/jobs/test_jobs_ten_thousand.py

soak: setup
	@$(PYTEST) -m soak

acceptance: setup
	@test -n "$(JENKINS_WAR)" || { echo "give JENKINS_WAR=FILE and JENKINS_PLUGINS=DIR" >&2; exit 2; }
	@JENKINS_WAR="$(JENKINS_WAR)" JENKINS_PLUGINS="$(JENKINS_PLUGINS)" \
	  $(PYTEST) -n 0 -rs -m "acceptance and not soak"

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup
	@$(BIN)/python benchmarks/run.py
	@if [ -n "$(JENKINS_WAR)" ] && [ -n "$(JENKINS_PLUGINS)" ]; then \
	  export JENKINS_WAR="$(JENKINS_WAR)" JENKINS_PLUGINS="$(JENKINS_PLUGINS)"; \
	  $(BIN)/python benchmarks/real_jenkins.py && $(BIN)/python benchmarks/rotation.py && \
	  $(BIN)/python benchmarks/sync.py --real; \
	fi

demo: setup
	@$(RUN) check && $(RUN) bake $(IMAGE) && $(RUN) images list

lock: setup
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra embedded --group dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -c requirements.lock -o requirements-runtime.lock

clean:
	@if [ -x $(BIN)/jenkins-bootstrap ]; then $(RUN) embedded down --wipe -q; fi
	@rm -rf manifest.json out $(VENV) $(VENV)-3.13 dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
