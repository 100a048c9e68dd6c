#!/usr/bin/env bash
# Prints the versions of requirements.txt as constraints without hashes, for torch builds that the hashes do not fit.
# The CUDA libraries are left out: each build of torch names its own.
set -euo pipefail
sed -E '/^ +--hash/d; /^ *#/d; s/ *\\$//; /^(cuda|nvidia|triton)/d' "$(dirname "$0")/../requirements.txt"
