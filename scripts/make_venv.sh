#!/usr/bin/env bash
# make_venv.sh PYTHON VENV: make the virtual environment, or say in one line what is missing.
set -euo pipefail
python=$1 venv=$2

stop() {
    echo "denglu: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || stop "no $python here: apt install python3 python3-venv"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
    stop "$("$python" --version) does not do: 3.11, 3.12 or 3.13 is needed (make PYTHON=python3.12 ...)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "$python cannot make virtual environments: apt install python3-venv"
existed=$(ls -d "$venv" 2>/dev/null || true)
"$python" -m venv "$venv" || {
    # A half-made environment would count as made.
    [ -n "$existed" ] || rm -rf "$venv"
    stop "could not make $venv"
}
