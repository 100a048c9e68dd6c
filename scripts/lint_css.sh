#!/usr/bin/env bash
# Lints the style sheets with biome. Its only wheel is for Linux on x86-64; elsewhere CI does this check.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/biome ]; then
    echo "[lint] biome has no wheel for this machine: the style sheets are not linted here, only in CI"
    exit
fi
.venv/bin/biome lint --error-on-warnings backend
