# Everything a developer calls. `make help` lists it. ARGS="…" is handed to the program behind a target.

BIN := .venv/bin
ARGS :=
# Set PYTHON to use another interpreter than the newest one that is found.
export PYTHON

# Two installations at once would write the same .venv.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help run test check audit format bench soak fuzz screenshots constraints dev

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

# HOST and PORT count on make's command line only: some shells export HOST as the machine's name.
given = $(if $(filter command%,$(origin $(1))),$(2) '$($(1))')

run: ## the dashboard with examples/tasks.py, at http://127.0.0.1:5000 (HOST=… PORT=… ARGS=…)
	@scripts/setup.sh run
	@exec $(BIN)/cronapp serve $(if $(CRONAPP_TASKS),,examples/tasks.py) $(call given,HOST,--host) $(call given,PORT,--port) $(ARGS)

# -v takes back the -q of pyproject.toml, so that the closing line is pytest's usual one. Each file is tested by one
# process, in the order in which they are found; ARGS="-n 0" tests all in one. Hundreds of servers are started, each of
# which would compile the program anew without its bytecode.
test: dev ## all tests, with a browser and a throw-away PostgreSQL (ARGS="tests/core -k cron")
	@scripts/setup.sh browser
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -v -rs --no-header -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# What bandit writes to standard error is only that a mark concerns one of several things in its line.
check: dev ## formatting, lint, types, and what is known to be unsafe
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive cronapp 2>/dev/null
	@$(BIN)/python scripts/audit.py --or-say-so

audit: dev ## the pinned packages, held against what is known to be vulnerable
	@$(BIN)/python scripts/audit.py $(ARGS)

format: dev ## formats the code and mends what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: dev ## the benchmarks, one after another
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file" $(ARGS) || exit 1; done

soak: dev ## a server killed 30 times at random, and every slot asked for (ARGS="--seed 7 --kills 100", ARGS=--fleet)
	@$(BIN)/python scripts/soak.py $(ARGS)

fuzz: dev ## schemathesis against the REST API, longer than in the tests (ARGS="--max-examples 500")
	@$(BIN)/python scripts/fuzz.py $(ARGS)

screenshots: dev ## docs/screenshots anew, from a seeded example (ARGS="jobs run")
	@scripts/setup.sh browser
	@$(BIN)/python scripts/screenshots.py $(ARGS)

constraints: ## constraints.txt anew, from the newest releases that pyproject.toml allows
	@scripts/setup.sh constraints

dev: ## .venv with everything that the tests and the checks need
	@scripts/setup.sh dev
