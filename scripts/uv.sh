#!/usr/bin/env bash
# Prints the path of a uv that works; installs one into .cache/uv-bootstrap where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

bootstrap=.cache/uv-bootstrap

say() { printf '[uv] %s\n' "$@" >&2; }

# It runs (a pyenv shim may not) and is new enough.
is_uv() { "$1" pip install --help 2>/dev/null | grep -q -- --torch-backend; }

find_uv() {
    local candidate
    for candidate in uv "${HOME:-}/.local/bin/uv" .venv/bin/uv "$bootstrap/bin/uv"; do
        if is_uv "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

install_with_venv() {
    rm -rf "$bootstrap"
    python3 -m venv "$bootstrap" >/dev/null 2>&1 && "$bootstrap/bin/python" -m pip install --quiet uv >&2
}

install_with_pip() {
    rm -rf "$bootstrap"
    python3 -m pip --version >/dev/null 2>&1 && python3 -m pip install --quiet --target "$bootstrap" uv >&2
}

# Debian's and Ubuntu's bare python3 has neither venv nor pip.
install_venv_with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "python3 has neither venv nor pip here: installing python3-venv"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >&2
}

find_uv && exit

if ! command -v python3 >/dev/null; then
    say "There is no python3 on PATH. Install Python (3.11 to 3.14) and try again."
    exit 1
fi
say "there is none, installing it into $bootstrap"
# A folder of its own, since "externally managed" Pythons (PEP 668) let nothing into themselves.
if ! { install_with_venv || install_with_pip || { install_venv_with_apt && install_with_venv; }; }; then
    say "uv could not be installed. It takes Python's venv or pip, and a way to the package registry." \
        "On Debian or Ubuntu: sudo apt install python3-venv. Or install uv in any other way, and try again."
    exit 1
fi
find_uv || { say "the uv that was installed into $bootstrap does not run on this machine"; exit 1; }
