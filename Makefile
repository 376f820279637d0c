# jenkins-bootstrap. Two commands set everything up: `make jenkins-ami` and `make test`.

SETTINGS ?= jenkins-bootstrap.yml
TARGET ?=
IMAGE ?= controller
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/jenkins-bootstrap -c $(SETTINGS) $(if $(TARGET),--target $(TARGET))
PYTEST := $(BIN)/pytest
STAMP := $(VENV)/.installed

.PHONY: help setup jenkins-ami test lint bench soak demo acceptance lock clean

help:
	@echo "make jenkins-ami   all set-up, then the controller image (TARGET=aws for the real one, SETTINGS=FILE)"
	@echo "make test          all set-up, then the tests"
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
	@rm -rf manifest.json out $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
