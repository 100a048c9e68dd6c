#!/usr/bin/env bash
# Builds the wheel into dist, installs it with the pinned versions into an environment of its own, and runs it from elsewhere.
# TORCH_BACKEND=cpu takes the small torch of PyTorch's own index, as in `make setup`.
set -euo pipefail
cd "$(dirname "$0")/.."

uv="$(bash scripts/uv.sh)"
case "$uv" in */*) uv="$(cd "$(dirname "$uv")" && pwd)/$(basename "$uv")" ;; esac
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

rm -rf dist
"$uv" build --quiet --wheel --out-dir dist
bash scripts/pinned_versions.sh >"$scratch/versions.txt"
"$uv" venv --quiet "$scratch/venv"
"$uv" pip install --quiet --python "$scratch/venv/bin/python" ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} \
    --constraints "$scratch/versions.txt" dist/*.whl

cd "$scratch"
for file in backend/py.typed workers/py.typed backend/web/pages/static/vendor/htmx.min.js backend/db/migrations/env.py; do
    ls venv/lib/python3*/site-packages/"$file" >/dev/null || { echo "[wheel] $file is not in the wheel" >&2; exit 1; }
done
venv/bin/mediacluster --version
