# Each target is a line or two over scripts/, for machines without make.
# The first use of any of them creates .venv; later ones find it as they left it.

.POSIX:
.PHONY: help setup demo test lint format bench soak docs locks clean

help:
	@sed -n 's/^## //p' Makefile

## make demo     an alliance of three on this machine; ARGS="--exit" ends it by itself
demo:
	@sh scripts/setup.sh run && exec .venv/bin/allied demo $(ARGS)

## make test     the whole test suite; ARGS="-k treaty" is passed on
test:
	@sh scripts/setup.sh dev && exec .venv/bin/pytest $(ARGS)

## make lint     style, types, the direction of imports, spelling
lint:
	@sh scripts/setup.sh dev && exec sh scripts/lint.sh

## make format   what lint would change by itself
format:
	@sh scripts/setup.sh dev && .venv/bin/ruff check --fix . && exec .venv/bin/ruff format .

## make bench    the figures, measured on this machine
bench:
	@sh scripts/setup.sh dev && exec .venv/bin/python -m bench $(ARGS)

SOAK_SECONDS = 14400

## make soak     the long tests: more examples, more nodes; hours, ended after SOAK_SECONDS
soak:
	@sh scripts/setup.sh dev && exec timeout -s INT $(SOAK_SECONDS) env ALLIED_HYPOTHESIS_PROFILE=thorough .venv/bin/pytest -m 'soak or not soak' $(ARGS)

## make docs     the documentation as a site, in site/
docs:
	@sh scripts/setup.sh dev && exec .venv/bin/zensical build --clean --strict

## make locks    pin requirements again; ARGS=--upgrade moves to newer releases
locks:
	@sh scripts/setup.sh dev && exec sh scripts/locks.sh $(ARGS)

## make setup    only create .venv, with everything in it
setup:
	@exec sh scripts/setup.sh dev

## make clean    remove what the other targets made, .venv included
clean:
	rm -rf .venv site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/allied/entrypoints/console/static/vendor
