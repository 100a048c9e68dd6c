"""All settings, frozen. The only module that reads the environment.

Each field is a variable with the prefix `MEDIACLUSTER_` (`.env` is read too); `DATABASE_URL` and `REDIS_URL` go
without it. Where they are not set, embedded servers run under `home`.
"""

from functools import cached_property
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from backend.errors import ConfigurationError
from backend.redaction import server_secrets, storage_secrets

MEBIBYTE = 1024 * 1024
_SECRET_FIELDS = frozenset({"database_url", "redis_url", "storage_url", "storage_options"})

PresetName = Literal["cpu", "quality", "guide", "demo"]
RuntimeName = Literal["torch", "onnx", "onnx-int8"]
RuntimeChoice = Literal["auto", "torch", "onnx", "onnx-int8"]


class Settings(BaseSettings):
    """Settings of one process. Build it with `load_settings()`, which turns mistakes into a readable error."""

    model_config = SettingsConfigDict(
        env_prefix="MEDIACLUSTER_",
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    # Where things are.
    home: Path = Field(Path(".mediacluster"), description="Folder of the embedded servers, the storage and caches.")
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="libpq URL of a Postgres with pgvector >= 0.8.4. Unset: an embedded server.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", "redis_url"),
        description="URL of the Redis that carries the doorbell. Unset: an embedded server.",
    )
    storage_url: str | None = Field(
        None, repr=False, description="fsspec URL of originals and thumbnails. Unset: HOME/storage."
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="JSON handed to the fsspec file system."
    )

    # Encoders. The preset names both; each can be replaced on its own.
    preset: PresetName | None = Field(
        None, description="cpu, quality, guide or demo. Unset: what the active space was made with, else cpu."
    )
    image_model: str | None = Field(None, description="OpenCLIP architecture, hf-hub: name or local-dir: path.")
    image_checkpoint: str | None = Field(None, description="OpenCLIP tag or path of a checkpoint.")
    text_model: str | None = Field(None, description="sentence-transformers name or path.")
    image_runtime: RuntimeChoice = Field(
        "auto",
        description="What computes the vectors of pictures: torch, onnx, onnx-int8, or auto: what the active space was made "
        "with; before there is one, int8 if `mediacluster optimize` found it near enough, else torch.",
    )
    text_runtime: RuntimeChoice = Field("auto", description="The same of words.")
    model_cache: Path | None = Field(None, description="Where downloaded weights are kept. Unset: the libraries' own.")
    device: str = Field("cpu", description="torch device.")
    torch_threads: int | None = Field(None, ge=1, description="Threads of torch in a worker. Unset: all cores.")
    embed_batch_size: int = Field(16, ge=1, le=256, description="Pictures embedded at once.")

    # Grouping and fusion.
    threshold: float = Field(0.82, gt=0.0, le=1.0, description="Least cosine to a centroid for joining its cluster.")
    assign_batch_size: int = Field(256, ge=1, le=256, description="Media assigned in one transaction.")
    assign_memory_bytes: int = Field(
        4096 * MEBIBYTE,
        ge=0,
        description="Most memory for the centroids that the assigner keeps. Where more clusters are there than fit, each batch "
        "reads them in blocks: the outcome is the same, and takes longer.",
    )
    assign_wait_seconds: float = Field(
        30.0, ge=0.0, description="How long the assigner waits for an earlier upload that is still on its way."
    )
    near_duplicate_bits: int = Field(
        10, ge=0, le=16, description="Most bits of 64 in which the perceptual hashes of near-duplicates differ."
    )
    near_duplicate_similarity: float = Field(
        0.96, gt=0.0, le=1.0, description="Least cosine between the image embeddings of near-duplicates."
    )
    alpha: float = Field(
        0.6,
        ge=0.0,
        le=1.0,
        description="Weight of the image side in fused queries; one that was chosen for the library goes before it.",
    )
    search_memory_bytes: int = Field(
        2048 * MEBIBYTE,
        ge=0,
        description="Most memory for the vectors that a server keeps to search them. 0, or more media than fit: by the "
        "indexes alone.",
    )

    # Work and patience.
    lease_seconds: float = Field(
        30.0,
        gt=0.0,
        description="How long the work of a worker that has died waits. Living workers renew their leases.",
    )
    task_seconds: int = Field(300, ge=10, description="Longest run of one task; a batch that takes longer is given up.")
    stall_seconds: float = Field(
        40.0,
        ge=5.0,
        description="A worker that takes nothing up for so long, though messages wait for it, ends to be started anew.",
    )
    max_attempts: int = Field(3, ge=1, description="Tries before a file is quarantined.")
    sweep_interval_seconds: float = Field(5.0, gt=0.0, description="How often forgotten work is looked for.")
    label_interval_seconds: float = Field(
        60.0, gt=0.0, description="How often clusters whose members have changed are given new labels."
    )
    decoder_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Processes that decode pictures, for each that needs any. Unset: as many as cores, 2 to 16.",
    )
    decode_seconds: float = Field(20.0, gt=0.0, description="Longest time for decoding one picture; then it is killed.")
    decode_memory_bytes: int = Field(
        1024 * MEBIBYTE, ge=64 * MEBIBYTE, description="Most memory for decoding one picture."
    )

    # Limits of what is let in.
    max_body_bytes: int = Field(25 * MEBIBYTE, ge=1, description="Largest file.")
    max_request_bytes: int = Field(256 * MEBIBYTE, ge=1, description="Largest request, all its files together.")
    max_files_per_request: int = Field(100, ge=1, description="Most files in one upload.")
    max_pixels: int = Field(50_000_000, ge=1, le=89_000_000, description="Most pixels of a picture.")
    max_side_pixels: int = Field(16_384, ge=1, description="Longest side of a picture.")
    max_frames: int = Field(500, ge=1, description="Most frames of an animation (the first is used).")
    max_exif_bytes: int = Field(64 * 1024, ge=0, description="Largest EXIF block.")
    max_title_characters: int = Field(300, ge=1, description="Longest title, in characters after cleaning.")
    max_caption_characters: int = Field(2_000, ge=1, description="Longest caption.")
    max_story_characters: int = Field(20_000, ge=1, description="Longest story.")
    max_location_characters: int = Field(300, ge=1, description="Longest location.")
    max_keyword_characters: int = Field(100, ge=1, description="Longest keyword.")
    max_keywords: int = Field(64, ge=0, description="Most keywords of a media.")
    enable_heif: bool = Field(False, description="Let HEIC in (needs the extra `heif`).")
    enable_avif: bool = Field(False, description="Let AVIF in.")
    enable_ocr: bool = Field(False, description="Read words out of pictures that come without text (extra `ocr`).")
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders that the server may import from, separated by ':'. The command line is not bound."
    )
    fetch_ports: tuple[int, ...] = Field((80, 443), description="Ports that URL ingest may ask.")
    fetch_allow_private: bool = Field(False, description="Let URL ingest ask private addresses (tests, intranets).")
    webhook_allow_private: bool = Field(
        False, description="Let webhooks go to private addresses: receivers on this machine or in your network."
    )
    fetch_connect_seconds: float = Field(5.0, gt=0.0, description="How long URL ingest waits for a connection.")
    fetch_total_seconds: float = Field(30.0, gt=0.0, description="How long a whole fetch may take.")
    fetch_max_redirects: int = Field(3, ge=0, description="How many redirects are followed, each checked.")

    # The API.
    api_host: str = Field("127.0.0.1", description="Address the API binds to.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port the API binds to.")
    authentication: Literal["none", "login", "keys"] = Field(
        "login",
        description="login: the admin pages ask for a login, the API for a key only where it is an admin's; "
        "keys: the API always asks for a key; none: nobody is asked anything.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names that the server may be asked by, separated by ','. Unset: any with keys, else those of this "
        "machine (localhost, 127.0.0.1).",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses or networks (10.0.0.0/24) of proxies whose X-Forwarded-For and X-Forwarded-Proto are "
        "believed, separated by ','; * for any.",
    )
    uploads_per_minute: int = Field(
        600, ge=0, description="Upload requests a minute of one key or address, where keys are asked for. 0: no limit."
    )
    searches_per_minute: int = Field(600, ge=0, description="The same of searches.")
    session_idle_seconds: float = Field(
        12 * 3600.0, gt=0.0, description="How long a login lasts without a request; then the pages ask again."
    )
    session_max_seconds: float = Field(14 * 24 * 3600.0, gt=0.0, description="How long a login lasts at most.")
    max_wait_seconds: float = Field(60.0, ge=0.0, description="Upper bound of POST /media?wait_seconds=.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much processes log.")
    log_format: Literal["text", "json"] = Field("text", description="How they log: for people, or an object a line.")

    @field_validator("import_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part) for part in value.split(":") if part)
        return value

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # The server would take what it cannot read for the name of a proxy that never comes.
        for part in value if value != ("*",) else ():
            ip_network(part)
        return value

    @cached_property
    def home_path(self) -> Path:
        """The home as an absolute path (not created here)."""
        return self.home.expanduser().resolve()

    @cached_property
    def resolved_storage_url(self) -> str:
        """The fsspec URL of the storage, the default filled in."""
        return self.storage_url or (self.home_path / "storage").as_uri()

    @cached_property
    def secrets(self) -> frozenset[str]:
        """What of these settings lets somebody in, and shall stand in no log."""
        servers = [url.get_secret_value() for url in (self.database_url, self.redis_url) if url is not None]
        found = [*storage_secrets(self.storage_url or "", self.storage_options), *chain(*map(server_secrets, servers))]
        return frozenset(filter(None, found))


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` win.

    Raises:
        ConfigurationError: naming each variable that cannot be read, and why.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{_variable_name(str(item['loc'][0]))}: {item['msg'].lower()}{_given(str(item['loc'][0]), item['input'])}"
            for item in error.errors(include_url=False)
        )
        raise ConfigurationError(
            f"These settings cannot be used: {mistakes}.", hint="Correct them in the environment or in .env."
        ) from None
    except SettingsError as error:
        # It says which field is no JSON, and leaves out what it holds.
        raise ConfigurationError(
            f"These settings cannot be used: {error}.", hint="Correct them in the environment or in .env."
        ) from None


def _given(field: str, value: object) -> str:
    """What was given, unless it may let somebody in."""
    return "" if field.lower() in _SECRET_FIELDS else f" (got {value!r})"


def _variable_name(field: str) -> str:
    if field.upper() in {"DATABASE_URL", "REDIS_URL"}:
        return field.upper()
    return f"MEDIACLUSTER_{field.upper()}"
