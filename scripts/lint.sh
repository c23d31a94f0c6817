#!/bin/sh
# Each check runs, also after one that found something; the exit status says whether any did.
set -u
cd "$(dirname "$0")/.." || exit 1

found=0
check() {
    echo "== $*" >&2
    tool=$1
    shift
    ".venv/bin/$tool" "$@" || found=1
}

check ruff check .
check ruff format --check .
check mypy
check lint-imports
check codespell
exit $found
