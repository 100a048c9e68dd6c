#!/usr/bin/env bash
# Builds both wheels into dist, installs the product with the pinned versions into an environment of its own, and runs it from
# elsewhere: without the demo, then with it.
# TORCH_BACKEND=cpu takes the small torch of PyTorch's own index, as in `make setup`.
set -euo pipefail
cd "$(dirname "$0")/.."

uv="$(bash scripts/uv.sh)"
case "$uv" in */*) uv="$(cd "$(dirname "$uv")" && pwd)/$(basename "$uv")" ;; esac
dist="$PWD/dist"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

install() {
    "$uv" pip install --quiet --python "$scratch/venv/bin/python" ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} \
        --constraints "$scratch/versions.txt" "$@"
}

rm -rf "$dist"
"$uv" build --quiet --wheel --out-dir "$dist" .
"$uv" build --quiet --wheel --out-dir "$dist" backend/demo
ls -l "$dist"/*.whl
bash scripts/pinned_versions.sh >"$scratch/versions.txt"
"$uv" venv --quiet "$scratch/venv"
install "$dist"/mediacluster-[0-9]*.whl

cd "$scratch"
export MEDIACLUSTER_HOME="$scratch/home"
venv/bin/mediacluster --version
refusal="$(venv/bin/mediacluster demo --once 2>&1)" && { echo "[wheel] the demo runs without its package" >&2; exit 1; }
grep -q 'mediacluster-demo' <<<"$refusal" || { echo "[wheel] the demo does not say what to install: $refusal" >&2; exit 1; }

install "$dist"/mediacluster_demo-*.whl
venv/bin/mediacluster demo --once --count 20
