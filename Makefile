# make demo | app | test | verify | lint | check | docs | credibility | wheel | lane-newest | lane-mesa4 | licences | house | mutation | bench | bench-peers | app-bench | schemas | performance | tables | local-steroids | injury | men | drugs-page | gallery | readme | clean. Each makes .venv first if it is missing or out of date.
# Another interpreter: make demo PYTHON=/path/to/python3.12. Arguments for pytest: make test PYTEST_ARGS="-k axis".

SHELL := /bin/sh
PYTEST_ARGS ?=
# Where to write pytest's own exit code, since make turns every failure into a 2.
PYTEST_STATUS ?= /dev/null

.PHONY: demo app test verify lint check docs credibility wheel lane-newest lane-mesa4 licences house mutation bench bench-peers app-bench schemas performance tables local-steroids injury men drugs-page gallery readme clean distclean

demo:
	@scripts/make-venv plot
	@.venv/bin/testis-abm run scenarios/obese_anastrozole.toml

app:
	@scripts/make-venv app
	@.venv/bin/testis-abm app

# Two tests at a time on two cores; tests in a browser need chromium, and are skipped without it.
test:
	@scripts/make-venv plot test
	@.venv/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS); status=$$?; echo $$status >"$(PYTEST_STATUS)"; exit $$status

# Theory, steady states, kinetics, mass balance, both engines, mutants, slow tests; an hour, or some minutes: make verify ARGS=--quick
verify:
	@scripts/make-venv plot test
	@.venv/bin/python scripts/verify.py $(ARGS)

# The one check before a change is handed in: style, types and tests.
check: lint test

lint:
	@scripts/make-venv dev
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy

# Wheel and sdist into dist/, tried outside the checkout on the oldest and the newest Python here (some minutes).
wheel:
	@scripts/check-wheel

# docs/licences.md, from the metadata of what is installed.
licences:
	@scripts/make-venv plot test dev
	@.venv/bin/python scripts/make_licences.py

# Near tests and golden numbers in a venv of their own: without pins, and with a pre-release of Mesa 4.
lane-newest lane-mesa4:
	@scripts/lane $@

# Sizes and structure of the source: make house, or of another checkout: make house CHECKOUT=/path
house:
	@scripts/make-venv
	@.venv/bin/python benchmarks/house.py $(CHECKOUT)

# Changes of one place of a rule that no test notices: make mutation, or with ARGS="--all", "--sample 60 --seed 2", "--modules axis".
mutation:
	@scripts/make-venv plot test
	@.venv/bin/python benchmarks/mutation.py $(ARGS)

tables:
	@scripts/make-venv plot
	@.venv/bin/python benchmarks/tables.py

# The JSON Schemas of the files that users write.
schemas:
	@scripts/make-venv
	@.venv/bin/python -c "from testis_abm import schemas; [schemas.path(kind).write_text(schemas.text(kind), encoding='utf-8') for kind in schemas.KINDS]"

# The site of the documentation, in build/docs: any fault of a page fails it.
docs:
	@scripts/make-venv plot app docs
	@.venv/bin/python scripts/make_docs.py

# docs/credibility.md and its pages, in some minutes: make credibility, or from what was measured last: make credibility ARGS=--pages
credibility:
	@scripts/make-venv plot test
	@.venv/bin/python scripts/make_credibility.py $(ARGS)

# The tables of docs/local_steroids.md, in a few minutes: make local-steroids, or roughly: make local-steroids ARGS="--sets 10"
local-steroids:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_local_steroids.py $(ARGS)

# The tables of docs/injury.md, in a quarter of an hour: make injury, or some parts: make injury ARGS="fever drift"
injury:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_injury.py $(ARGS)

# The tables of docs/men.md, in some minutes: make men, or some parts: make men ARGS="recovery age"
men:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_men.py $(ARGS)

# The tables of docs/drugs.md, in some seconds.
drugs-page:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_drugs.py

# docs/gallery.md and its pictures, from the notebooks, in half a minute.
gallery:
	@scripts/make-venv plot test
	@.venv/bin/python scripts/notebooks.py

# The answer, the picture and the tables of README.md, in half a minute.
readme:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_readme.py

# Costs and clinical targets beside their goals: make bench, or in a few minutes: make bench ARGS=--quick
bench:
	@scripts/make-venv plot
	@.venv/bin/python benchmarks/engine.py $(ARGS)
	@.venv/bin/python benchmarks/reference_man.py $(ARGS)
	@.venv/bin/python benchmarks/experiments.py --quick

# The figures of docs/performance.md, in some minutes on an idle machine.
performance:
	@scripts/make-venv plot
	@.venv/bin/python scripts/make_performance.py

# The same day of germ cells in other frameworks; without Starsim where this Python cannot have it.
bench-peers:
	@scripts/make-venv plot bench || { echo "Going on without the extra \"bench\"" >&2; scripts/make-venv plot; }
	@.venv/bin/python benchmarks/peers.py $(ARGS)

# Needs Debian's chromium (apt-get install chromium), as the page's own tests do.
app-bench:
	@scripts/make-venv plot test
	@.venv/bin/python benchmarks/app.py

# Keeps .venv and the results in runs/.
clean:
	@rm -rf build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.git/*' -prune -exec rm -rf {} +

# Removes .venv too; the next make builds it again.
distclean: clean
	@rm -rf .venv
