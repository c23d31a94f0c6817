#!/bin/sh
# Pin every requirement, with hashes, for every platform and Python from 3.11 on.
#
#   scripts/locks.sh             after a change of pyproject.toml or requirements/*.in
#   scripts/locks.sh --upgrade   move to newer releases, none younger than seven days
#
# No index address and no path ends up in a lock, so a lock serves behind any mirror.
set -eu
cd "$(dirname "$0")/.."

uv=$PWD/.venv/bin/uv
[ -x "$uv" ] || { echo "run 'make setup' first" >&2; exit 1; }

newer=
case ${1-} in
    '') ;;
    --upgrade) newer="--upgrade" ;;
    *) echo "usage: $0 [--upgrade]" >&2; exit 2 ;;
esac

lock() {
    echo "requirements/$2" >&2
    # shellcheck disable=SC2086  # $newer is empty or one option
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links \
        --no-config --exclude-newer '7 days' $newer \
        "$1" --output-file "requirements/$2"
}

lock requirements/bootstrap.in bootstrap.txt
lock pyproject.toml runtime.txt
lock requirements/build.in build.txt
lock requirements/dev.in dev.txt
