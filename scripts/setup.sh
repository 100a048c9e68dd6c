#!/usr/bin/env bash
# Makes .venv with everything in it: uv, Python, the pinned packages, the project. Each make target calls it. Once done, it
# ends at once; interrupted, it goes on where it was, since uv keeps what it has downloaded.
#
# The packages are those of requirements.txt, checked by their hashes. For Linux the package registry has torch with CUDA only.
# Without a GPU, set-up omits those CUDA packages that torch does not load on a CPU. `TORCH_BACKEND=cpu make setup` (or cu128,
# rocm6.4, ...: what uv calls --torch-backend) takes torch from PyTorch's own index instead. The hashes do not fit those
# builds, so in that case the same versions are installed without them, and the CUDA libraries are left to torch's own choice.
# Later calls keep to what .venv has where the variable is unset; `TORCH_BACKEND= make setup` takes the registry's again.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 022 # under root, Postgres runs as another account and must be able to read its own binaries
export UV_PYTHON_DOWNLOADS=never # a Python that is here comes first; fetch_python is the exception
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-300}" # torch is large
stamp=.venv/.mediacluster-setup
torch_backend="${TORCH_BACKEND-$(sed -n 's/^torch://p' "$stamp" 2>/dev/null || true)}"

say() { printf '[setup] %s\n' "$*"; }
give_up() { printf '[setup] %s\n' "$@" >&2; exit 1; }

has_gpu() { command -v nvidia-smi >/dev/null; }

# What was installed, for whom and where; scripts in .venv carry its absolute path.
fingerprint() {
    printf '%s\n' "$PWD" "torch:$torch_backend" "$(.venv/bin/python -c 'import sys; print(sys.version)')"
    has_gpu && echo gpu
    cksum requirements.txt pyproject.toml scripts/setup.sh
}

# Figures of docs/decisions/0030-any-current-python.md; they change with the pins.
say_what_is_downloaded() {
    say "The first set-up downloads packages from the package registry, and later ones only what has changed:"
    if [ -n "$torch_backend" ]; then
        say "  the pinned versions, with torch for '$torch_backend' from PyTorch's own index (cpu: about 0.8 GB, 2.5 GB on disk)"
    elif [ "$(uname -s)" != Linux ]; then
        say "  about 0.8 GB, 2 GB on disk"
    elif has_gpu; then
        say "  about 3.6 GB, 7 GB on disk: most of it torch with CUDA, for the GPU that is here"
    else
        say "  about 3.1 GB, 5.5 GB on disk: most of it torch with CUDA, which the registry has no smaller build of"
        say "  smaller: TORCH_BACKEND=cpu make setup, about 0.8 GB (torch from PyTorch's own index, not checked by hashes)"
    fi
    say "\`make test\` needs Chromium or Chrome. Where there is none, it installs one as root on Debian (apt, about 0.2 GB)."
}

# Usable: it runs, has a version that all pinned packages have wheels for, and has not been moved or copied here.
is_venv_usable() {
    .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null &&
        grep -qF "$PWD/.venv" .venv/bin/activate 2>/dev/null
}

# uv's own Python comes from neither registry. Where it cannot be reached, that is said within seconds.
fetch_python() {
    say "2/4 Python: no version from 3.11 to 3.14 is here; fetching one (uv's own, about 35 MB)"
    UV_PYTHON_DOWNLOADS=automatic UV_HTTP_RETRIES=0 UV_HTTP_CONNECT_TIMEOUT=5 \
        "$uv" venv --quiet --managed-python --python 3.13 .venv
}

make_venv() {
    [ ! -e .venv ] || say "2/4 Python: the .venv that is here cannot be used, making a new one"
    rm -rf .venv
    "$uv" venv --quiet --python '>=3.11,<3.15' .venv 2>/dev/null || fetch_python ||
        give_up "No Python from 3.11 to 3.14 was found, and none could be fetched. Install one of them and try again."
}

# What torch loads for a computation on a GPU only. All its other CUDA libraries are linked: it cannot be imported without.
gpu_only='^(triton|nvidia-cusolver|nvidia-nvtx|nvidia-cuda-cccl|cuda-bindings|cuda-pathfinder)=='

install_pinned() {
    local pins=requirements.txt
    if ! has_gpu; then
        pins=.cache/requirements.txt
        mkdir -p .cache
        awk -v gpu_only="$gpu_only" '/^[^ #]/ { omitted = $0 ~ gpu_only } !omitted' requirements.txt >"$pins"
    fi
    "$uv" pip install --python .venv/bin/python --require-hashes --no-deps -r "$pins" # the pins are complete
}

install_with_torch_backend() {
    local versions=.cache/versions.txt
    mkdir -p .cache
    bash scripts/pinned_versions.sh >"$versions"
    "$uv" pip install --python .venv/bin/python --torch-backend "$torch_backend" --constraints "$versions" \
        -r pyproject.toml --all-extras --group dev ||
        give_up "torch for '$torch_backend' comes from PyTorch's own index. Can it not be reached from here, or is there no such backend?" \
            "Without TORCH_BACKEND set-up takes the package registry's torch, on Linux with CUDA (5.5 GB or more on disk)."
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint 2>/dev/null)" ]; then
    exit 0
fi

[ -f "$stamp" ] || say_what_is_downloaded
uv="$(bash scripts/uv.sh)"
say "1/4 uv: $uv ($("$uv" --version))"

is_venv_usable || make_venv
say "2/4 Python: $(.venv/bin/python --version) in .venv"

if [ -z "$torch_backend" ]; then
    say "3/4 packages: as pinned in requirements.txt"
    install_pinned
else
    say "3/4 packages: the pinned versions, with torch for $torch_backend"
    install_with_torch_backend
fi

say "4/4 the project itself"
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e .
fingerprint >"$stamp"
say "done: .venv/bin/mediacluster"
