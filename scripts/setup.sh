#!/bin/sh
# Make .venv what the requirements say. Usage: scripts/setup.sh run|dev
#
#   run    what the program needs, and what building it needs
#   dev    that, and what checks, tests, measurements and documentation need
#
# All of it is pinned by hash. A second run with nothing changed does nothing. Needs only
# python3 (3.11 or later; PYTHON=... names another) with its venv module. The installer is
# uv, itself pinned and kept in .venv; where uv cannot serve (no build of it for this
# machine, or an index only pip is configured for), pip does the same, slower.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "allied set-up: $*"; exit 1; }

case ${1-} in
    run) locks="runtime build" ;;
    dev) locks="runtime build dev" ;;
    *) say "usage: scripts/setup.sh run|dev"; exit 2 ;;
esac

# What .venv was made from. It holds its own path too, because a .venv that moved is broken.
state() {
    pwd
    cat requirements/*.txt pyproject.toml hatch_build.py scripts/setup.sh | cksum
}
wanted=$(state)
vendor=src/allied/entrypoints/console/static/vendor
for kind in "$1" dev; do
    if [ -f ".venv/.made-$kind" ] && [ -f "$vendor/htmx.min.js" ] \
        && [ "$(cat ".venv/.made-$kind")" = "$wanted" ]; then
        exit 0
    fi
done

python=${PYTHON:-python3}
command -v "$python" >/dev/null || die "python3 is missing; on Debian: apt install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || die "$("$python" --version) is too old, 3.11 or later is needed; PYTHON=/path/to/python3.12 names another"
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || die "this python3 cannot create environments; on Debian: apt install python3-venv"

rm -f .venv/.made-*
venv_python=.venv/bin/python
if ! "$venv_python" -m pip --version >/dev/null 2>&1 \
    || [ "$(cat .venv/.place 2>/dev/null)" != "$(pwd)" ]; then
    say "creating .venv"
    "$python" -m venv --clear .venv
    pwd >.venv/.place
fi

# Never another environment that happens to be active, nor the user's own packages.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE=1

pip_install() { "$venv_python" -m pip install --quiet --disable-pip-version-check "$@"; }
uv_install() { .venv/bin/uv pip install --quiet --python "$venv_python" "$@"; }
install() {
    if [ -x .venv/bin/uv ]; then
        uv_install "$@" && return
        say "uv could not; trying with pip"
    fi
    pip_install "$@"
}

pip_install --require-hashes -r requirements/bootstrap.txt \
    || say "there is no uv for this machine; going on with pip"
files=
for lock in $locks; do files="$files -r requirements/$lock.txt"; done
say "installing ($locks)"
# shellcheck disable=SC2086  # a list of words without spaces
install --require-hashes $files
# No isolation: what builds the package is what was pinned above.
install --no-deps --no-build-isolation -e .

printf '%s\n' "$wanted" >".venv/.made-$1"
