# syntax=docker/dockerfile:1
# One image for all of it: API, workers, beat, migrations. TORCH_BACKEND=cu128 (or another of uv's) is for GPUs.

FROM python:3.12-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_HTTP_TIMEOUT=300 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=cache,target=/root/.cache/pip pip install uv
WORKDIR /app
# The dependencies change seldom and weigh most: a layer of their own, made from the pins alone.
COPY pyproject.toml requirements.txt ./
COPY scripts/pinned_versions.sh scripts/
ARG TORCH_BACKEND=cpu
RUN --mount=type=cache,target=/root/.cache/uv \
    bash scripts/pinned_versions.sh > versions.txt \
    && uv venv /opt/venv \
    && uv pip install --python /opt/venv/bin/python --torch-backend "$TORCH_BACKEND" --constraints versions.txt \
        -r pyproject.toml --all-extras
COPY README.md alembic.ini ./
COPY alembic alembic
COPY backend backend
COPY workers workers
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --python /opt/venv/bin/python --no-deps .

FROM python:3.12-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home mediacluster \
    && install --directory --owner mediacluster --group mediacluster /data /models
COPY --from=build /opt/venv /opt/venv
ENV HF_HOME=/models/huggingface \
    MEDIACLUSTER_AUTHENTICATION=keys \
    MEDIACLUSTER_HOME=/data \
    MEDIACLUSTER_MODEL_CACHE=/models \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /data
USER mediacluster
VOLUME ["/data", "/models"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=8)"]
CMD ["mediacluster", "serve", "--host", "0.0.0.0", "--port", "8000"]
