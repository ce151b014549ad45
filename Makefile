# Two commands do all the set-up there is: `make demo` and `make test`.
# Both make .venv on first use, and see to it that there is a RabbitMQ (see deploy/dev/).

.DEFAULT_GOAL := help
.PHONY: help demo up test test-containers audit sbom hostile surface fuzz faults faults-soak lives faults-table faults-mutations check lint \
	clean bench bench-quick bench-memory panels venv-demo venv-dev venv-bench rabbitmq faketime bench-programs valgrind promtool trace rehearsals scale kubectl

# apt-get and pip tolerate no second of their kind beside them
.NOTPARALLEL:

# another virtual environment may be active in the calling shell
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

BIN := .venv/bin
# Several processes, each with servers of its own, and one more than there are cores, since much of it is
# waiting; the tests of a file, which may share a stack, stay together. In the order of the folders: those
# with whole stacks come first, and no long file is left for one process at the end.
PROCESSES := $(shell cores=$$(getconf _NPROCESSORS_ONLN); [ $$cores -lt 4 ] && echo $$((cores + 1)) || echo 4)
SIDE_BY_SIDE := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
# whole systems, each with servers of its own, on which faults are played at the same time
HOUSES := 2
SEEDS := 1
FIRST_SEED := 1
MINUTES := 10
LIVES := 10000
SBOM := build/sbom.json
EXAMPLES := 500
# of mutated bodies, the five providers together; a SEED tries the same once more
MEGABYTES := 20
SEED :=

help:
	@echo 'make demo    webhooks of five providers through the whole pipeline, shown as they happen'
	@echo 'make trace   one webhook through the whole stack with tracing on, and its trace as a tree'
	@echo 'make up      the whole stack in the foreground, until Ctrl-C (data in .caudal/)'
	@echo 'make check   linters, types, import contracts, and the tests that need no servers'
	@echo 'make test    the same, and the tests against a real RabbitMQ and a real Postgres'
	@echo 'make audit   known vulnerabilities of what is pinned (0 none, 1 some, 3 the advisories could not be had)'
	@echo 'make sbom    the list of what runs, as CycloneDX (build/sbom.json)'
	@echo 'make test-containers   the compose file and the containers, where a Docker engine answers'
	@echo 'make rehearsals  the release before beside this one under load; a database lost and restored'
	@echo 'make hostile  floods, slow senders and bombs on one source of a real ingress; what another feels'
	@echo 'make surface  schemathesis against the ingress and the port for operators, EXAMPLES=500 a request'
	@echo 'make fuzz    MEGABYTES=20 of mutated payloads through all that reads them; SEED=n tries the same again'
	@echo 'make faults  real processes killed, frozen, cut off, out of disk, under load (SEEDS=3 for more)'
	@echo 'make faults-soak   full rate for MINUTES=10, and every few seconds something is killed'
	@echo 'make lives   LIVES=10000 payments and payouts in the sandbox, a twentieth of the news lost'
	@echo 'make scale   workers added and taken away under load for MINUTES=2, and whether anything is lost or twice'
	@echo 'make faults-mutations   breaks the code on purpose, and shows which test notices'
	@echo 'make bench   what it carries, beside what the machine allows and what peers carry'
	@echo 'make bench-quick   a part of it in some 3 minutes, against the figures of the last release'
	@echo 'make bench-memory  full load for MINUTES=30, and whether memory grows'
	@echo 'make panels  a stack under load for MINUTES=10, scraped by a Prometheus, and the overview drawn of it'
	@echo 'make clean   remove .venv and caches (data in .caudal/ stays)'

demo: rabbitmq venv-demo
	@$(BIN)/caudal demo

trace: rabbitmq venv-demo
	@$(BIN)/caudal demo --trace

up: rabbitmq venv-demo
	@$(BIN)/caudal up

check: venv-dev kubectl lint
	$(BIN)/python deploy/dev/audit.py --if-reachable
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) -m 'not servers and not slow'

test: rabbitmq valgrind promtool venv-dev kubectl lint
	CAUDAL_TEST_PROFILE=ci $(BIN)/python -m pytest -q $(SIDE_BY_SIDE) \
	  -m 'not containers and not faults and not soak and not rehearsal' --ignore tests/hostile
	@echo 'what another source feels of a flood is measured with nothing beside it'
	$(BIN)/python -m pytest -q tests/hostile

audit: venv-dev
	$(BIN)/python deploy/dev/audit.py

sbom: venv-dev
	@mkdir -p $(dir $(SBOM))
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --mc-type application \
	  --output-reproducible --output-format JSON --output-file $(SBOM)

test-containers: venv-dev
	$(BIN)/python -m pytest -q -m containers

rehearsals: rabbitmq venv-dev
	$(BIN)/python -m pytest -q -s -rs tests/acceptance -m rehearsal

hostile: rabbitmq venv-dev
	CAUDAL_HOSTILE_SECONDS=8 $(BIN)/python -m pytest -q -s tests/hostile

surface: rabbitmq venv-dev
	CAUDAL_SURFACE_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q -s tests/integration/surface

fuzz: venv-dev
	$(BIN)/python -m tests.fuzz --megabytes $(MEGABYTES) --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

faults: rabbitmq faketime venv-dev
	@mkdir -p build && rm -f build/faults.jsonl
	$(BIN)/python -m pytest -v --no-header -n $(HOUSES) --dist worksteal tests/faults -m faults \
	  --seeds $(SEEDS) --first-seed $(FIRST_SEED) --rows build/faults.jsonl

faults-soak: rabbitmq venv-dev
	@mkdir -p build
	$(BIN)/python -m pytest -q tests/faults -m soak --soak-minutes $(MINUTES) --rows build/soak.jsonl

lives: rabbitmq venv-dev
	$(BIN)/python -m pytest -q -s tests/acceptance/test_lives.py -m soak --lives $(LIVES)

scale: MINUTES := 2
scale: rabbitmq venv-dev
	CAUDAL_SCALE_MINUTES=$(MINUTES) $(BIN)/python -m pytest -q -s tests/acceptance/test_scale.py

faults-table:
	$(BIN)/python -m tests.faults.table build/faults.jsonl > deploy/faults.md

faults-mutations: rabbitmq venv-dev
	$(BIN)/python -m tests.faults.mutations

bench: bench-programs venv-bench
	$(BIN)/python -m bench measure

bench-quick: bench-programs venv-bench
	$(BIN)/python -m bench measure --quick
	$(BIN)/python -m bench compare build/bench/quick.json

bench-memory: MINUTES := 30
bench-memory: bench-programs venv-bench
	$(BIN)/python -m bench memory --minutes $(MINUTES)

lint: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

venv-demo venv-dev venv-bench: venv-%:
	@deploy/dev/ensure-venv $*

bench-programs: rabbitmq
	@deploy/dev/ensure-bench

panels: rabbitmq promtool venv-bench
	$(BIN)/python -m bench.panels --minutes $(MINUTES)

valgrind:
	@deploy/dev/ensure-valgrind

promtool:
	@deploy/dev/ensure-promtool

kubectl:
	@deploy/dev/ensure-kubectl

faketime:
	@deploy/dev/ensure-faketime

rabbitmq:
	@deploy/dev/ensure-rabbitmq

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find services libs tests -name __pycache__ -prune -exec rm -rf {} +
