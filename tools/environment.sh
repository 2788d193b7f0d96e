#!/bin/sh
# Make the environment in $VENV hold exactly what requirements.lock pins, and this suite.
#
#   VENV    folder of the environment
#   PYTHON  interpreter to build it with; empty for the first fit one on PATH
#
# The file $VENV/.textgrad-state says how far we got. `building` means that an earlier call was
# interrupted: what it left is thrown away. `ready` and `adopted` carry a digest of everything
# the installation depends on, so a second call has nothing to do, and the folder it was made in.
# `adopted` is an environment somebody made by hand: packages are added, but it is never removed.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
venv=${VENV:-.venv}
state="$venv/.textgrad-state"
fit='import sys; sys.exit(sys.version_info < (3, 11))'
docks='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))'
version='import sys; print("%d.%d" % sys.version_info[:2])'

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

is() { # is WISH PYTHON
    command -v "$2" >/dev/null 2>&1 && "$2" -c "$1" >/dev/null 2>&1
}

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null 2>&1 || fail "PYTHON=$PYTHON was not found"
        is "$fit" "$PYTHON" || fail "PYTHON=$PYTHON is $("$PYTHON" -c "$version"); \
Python 3.11 or newer is needed"
        python=$PYTHON
        return
    fi
    # first one for which every library has wheels, vina too; then any
    for wish in "$docks" "$fit"; do
        for python in python3 python3.12 python3.11 python3.13 python3.14 python; do
            if is "$wish" "$python"; then return; fi
        done
    done
    python=
}

create() {
    mkdir -p "$venv"
    echo building >"$state"
    if command -v uv >/dev/null 2>&1; then
        # uv finds, or fetches, a Python by itself where PATH has none that will do
        if [ -z "${PYTHON:-}" ] && ! is "$docks" "${python:-none}"; then
            uv venv --quiet --allow-existing --python '>=3.11,<3.13' "$venv" && return
        fi
        uv venv --quiet --allow-existing --python "${python:->=3.11}" "$venv"
        return
    fi
    [ -n "$python" ] || fail "Python 3.11 or newer was not found on PATH; \
install it, or say where it is: make PYTHON=/path/to/python3"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python has no venv module; \
install it (Debian, Ubuntu: apt install python3-venv), or use another: make PYTHON=..."
    "$python" -m venv "$venv"
}

# pip inside the environment, or uv where it is on PATH; both refuse a file without its hash
install() {
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$venv/bin/python" "$@"
    else
        # an environment that uv made earlier has no pip
        "$venv/bin/python" -c 'import pip' 2>/dev/null || "$venv/bin/python" -m ensurepip >/dev/null
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

wanted=$(cat requirements.lock pyproject.toml tools/environment.sh | cksum)
kind= found= folder=
if [ -f "$state" ]; then
    { read -r kind found && read -r folder; } <"$state" || true
fi
works() { "$venv/bin/python" -c '' 2>/dev/null; }

# Scripts in an environment hold its path, so one that was moved is of no use, nor is one whose
# interpreter went away, or one of another version than asked for.
useless=
if [ "$kind" = ready ] || [ "$kind" = adopted ]; then
    if [ "$folder" != "$here" ]; then
        useless="was made in $folder"
    elif ! works; then
        useless="has lost its interpreter"
    fi
fi
if [ -z "$useless" ] && [ -n "${PYTHON:-}" ] && [ -x "$venv/bin/python" ] && works; then
    choose_python
    has=$("$venv/bin/python" -c "$version")
    asked=$("$python" -c "$version")
    [ "$has" = "$asked" ] || useless="is Python $has, not $asked"
fi
if [ -n "$useless" ]; then
    [ "$kind" = ready ] || [ "$kind" = building ] ||
        fail "$venv $useless; remove it, or choose another: make VENV=..."
    kind=building
fi

if [ "$kind" != building ] && [ "$found" = "$wanted" ]; then
    exit 0
fi
if [ "$kind" = building ]; then
    rm -rf "$venv"
    kind=
fi
if [ -n "$kind" ]; then
    echo "Updating $venv"
elif [ -x "$venv/bin/python" ]; then
    "$venv/bin/python" -c "$fit" || fail "$venv is older than Python 3.11; remove it"
    echo "Installing into $venv"
    kind=adopted
else
    [ ! -e "$venv" ] || [ -z "$(ls -A "$venv")" ] || fail "$venv exists and is no environment; \
choose another: make VENV=..."
    choose_python
    echo "Creating $venv (once, about half a minute)"
    create
    kind=ready
fi
[ "$kind" = adopted ] || echo building >"$state"
install --require-hashes -r requirements.lock
install --no-deps --no-build-isolation -e .
printf '%s %s\n%s\n' "$kind" "$wanted" "$here" >"$state"
