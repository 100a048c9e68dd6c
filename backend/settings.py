"""All settings, frozen. The only module that reads the environment.

Each field is a variable with the prefix `MEDIACLUSTER_`, from the environment or `.env`. `DATABASE_URL` and `REDIS_URL` have
no prefix; if they are not set, embedded servers run under `home`.
"""

import os
from functools import cached_property
from hashlib import sha256
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from backend.bounds import ALPHA, THRESHOLD
from backend.errors import ConfigurationError
from backend.moments import zone_of
from backend.redaction import server_secrets, storage_secrets

MEBIBYTE = 1024 * 1024
_SECRET_FIELDS = frozenset({"database_url", "direct_database_url", "redis_url", "storage_url", "storage_options"})

PresetName = Literal["cpu", "quality", "guide", "demo"]
# Each name is a module of `backend.encoders.runtimes`. `auto` prefers the later ones.
RuntimeName = Literal["torch", "onnx", "onnx-int8"]
RuntimeChoice = Literal["auto", RuntimeName]


class Settings(BaseSettings):
    """Settings of one process. Create it with `load_settings()`, which reports mistakes in a readable error."""

    model_config = SettingsConfigDict(
        env_prefix="MEDIACLUSTER_",
        env_file=".env",
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    # Locations.
    home: Path = Field(Path(".mediacluster"), description="Folder for the embedded servers, the storage and caches.")
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="libpq URL of a Postgres with pgvector >= 0.8.4. Unset: an embedded server.",
    )
    database_pooler: Literal["none", "transaction"] = Field(
        "none",
        description="transaction: DATABASE_URL leads to a pooler in transaction mode (PgBouncer, Supavisor). none: to the server, or to a "
        "pooler in session mode.",
    )
    direct_database_url: SecretStr | None = Field(
        None,
        description="libpq URL of the same database past the pooler, for migrations, backups and measurements. Unset: DATABASE_URL.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", "redis_url"),
        description="URL of the Redis that wakes workers. Unset: an embedded server.",
    )
    storage_url: str | None = Field(
        None, repr=False, description="fsspec URL of originals and thumbnails. Unset: HOME/storage."
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="JSON options passed to the fsspec file system."
    )

    # Encoders. The preset names both; each can be replaced separately.
    preset: PresetName | None = Field(
        None, description="cpu, quality, guide or demo. Unset: the preset of the active space, else cpu."
    )
    image_model: str | None = Field(None, description="OpenCLIP architecture, hf-hub: name or local-dir: path.")
    image_checkpoint: str | None = Field(None, description="OpenCLIP tag or path of a checkpoint.")
    text_model: str | None = Field(None, description="sentence-transformers name or path.")
    image_runtime: RuntimeChoice = Field(
        "auto",
        description=f"Runtime of the image model: {', '.join(get_args(RuntimeName))} or auto. auto uses the runtime of "
        "the active space; before there is one, int8 if `mediacluster optimize` found it "
        "accurate enough, else torch.",
    )
    text_runtime: RuntimeChoice = Field("auto", description="Runtime of the text model; same choices.")
    model_cache: Path | None = Field(None, description="Folder for downloaded weights. Unset: the libraries' defaults.")
    device: str = Field("cpu", description="torch device.")
    torch_threads: int | None = Field(None, ge=1, description="Threads of torch in a worker. Unset: all cores.")
    embed_batch_size: int = Field(16, ge=1, le=256, description="Pictures embedded in one batch.")

    # Grouping and fusion.
    threshold: float | None = Field(
        None,
        gt=THRESHOLD.low,
        le=THRESHOLD.high,
        description="Smallest cosine to a group's centroid for a picture to join the group. Unset: the default "
        "of the space's preset.",
    )
    assign_batch_size: int = Field(256, ge=1, le=256, description="Pictures assigned in one transaction.")
    assign_memory_bytes: int = Field(
        4096 * MEBIBYTE,
        ge=0,
        description="Memory limit for the assigner's centroids. If they do not fit, each batch reads them in "
        "blocks: the result is the same but takes longer.",
    )
    assign_wait_seconds: float = Field(
        30.0, ge=0.0, description="How long the assigner waits for an earlier upload that is still being processed."
    )
    near_duplicate_bits: int = Field(
        10, ge=0, le=16, description="Largest number of the 64 perceptual-hash bits in which near-duplicates differ."
    )
    near_duplicate_similarity: float = Field(
        0.96, gt=0.0, le=1.0, description="Smallest cosine between the image embeddings of near-duplicates."
    )
    alpha: float = Field(
        0.6,
        ge=ALPHA.low,
        le=ALPHA.high,
        description="Weight of the image similarity in combined queries. A weight chosen for the library "
        "takes precedence.",
    )
    search_memory_bytes: int = Field(
        2048 * MEBIBYTE,
        ge=0,
        description="Memory limit for the vectors that are searched in memory, by the vector service or without one by each server process: "
        "about 1.1 kB a picture with the preset cpu. With 0, or if they do not fit, searches use the indexes only.",
    )
    vector_service: Literal["start", "ask", "off"] = Field(
        "start",
        description="start: up, serve and demo run a vector service for this host, which keeps vectors and encoders once, and all processes ask "
        "it. ask: something else runs it. off: each process keeps its own.",
    )
    vector_service_url: str | None = Field(
        None,
        description="Where the vector service listens: unix:PATH, or tcp://HOST:PORT with a token. Unset: a socket in HOME/run.",
    )
    vector_service_token: SecretStr | None = Field(
        None, description="Random text that processes and a vector service over TCP share."
    )

    # Work and timeouts.
    lease_seconds: float = Field(
        30.0,
        gt=0.0,
        description="How long a dead worker's work waits before another worker takes it. Live workers renew their leases.",
    )
    task_seconds: int = Field(300, ge=10, description="Time limit of one task. A batch that takes longer is abandoned.")
    stall_seconds: float = Field(
        40.0,
        ge=5.0,
        description="A worker that takes no task for this long while messages wait exits and is restarted.",
    )
    max_attempts: int = Field(3, ge=1, description="Attempts before a file is quarantined.")
    sweep_interval_seconds: float = Field(5.0, gt=0.0, description="How often to look for forgotten work.")
    label_interval_seconds: float = Field(
        60.0, gt=0.0, description="How often to relabel groups whose members changed."
    )
    decoder_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Decoder processes per worker or server. Unset: one per core, 2 to 16.",
    )
    decode_seconds: float = Field(
        20.0, gt=0.0, description="Time limit for decoding one picture. After that the decoder is killed."
    )
    decode_memory_bytes: int = Field(
        1024 * MEBIBYTE, ge=64 * MEBIBYTE, description="Memory limit for decoding one picture."
    )

    # Limits of uploads.
    max_body_bytes: int = Field(25 * MEBIBYTE, ge=1, description="Largest size of one file.")
    max_request_bytes: int = Field(256 * MEBIBYTE, ge=1, description="Largest size of one request, all files together.")
    max_files_per_request: int = Field(100, ge=1, description="Most files in one upload.")
    max_pixels: int = Field(
        51_000_000,
        ge=1,
        le=268_000_000,
        description="Most pixels of a picture. Of formats other than JPEG at most 89,000,000 are accepted.",
    )
    max_side_pixels: int = Field(16_384, ge=1, description="Longest side of a picture.")
    max_frames: int = Field(500, ge=1, description="Most frames of an animation (the first is used).")
    max_exif_bytes: int = Field(
        64 * 1024,
        ge=0,
        description="Most bytes of an EXIF block that are read. Of a larger one, the longest values are left out.",
    )
    max_title_characters: int = Field(300, ge=1, description="Longest title, in characters after cleaning.")
    max_caption_characters: int = Field(2_000, ge=1, description="Longest caption.")
    max_story_characters: int = Field(20_000, ge=1, description="Longest story.")
    max_location_characters: int = Field(300, ge=1, description="Longest location.")
    max_keyword_characters: int = Field(100, ge=1, description="Longest keyword.")
    max_keywords: int = Field(64, ge=0, description="Most keywords of a picture.")
    time_zone: str = Field(
        "UTC",
        description="Zone of times that name none: a name such as Europe/Paris, or an offset such as +02:00.",
    )
    people_as_keywords: bool = Field(
        True, description="Add the names of people in a picture's metadata to its keywords."
    )
    enable_heif: bool = Field(True, description="Accept HEIC pictures.")
    enable_avif: bool = Field(True, description="Accept AVIF pictures.")
    enable_tiff: bool = Field(True, description="Accept TIFF pictures of up to 16 bits a sample.")
    enable_ocr: bool = Field(False, description="Read text in pictures that come without text (needs the extra `ocr`).")
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders that the server may import from, separated by ':'. Does not restrict the command line."
    )
    fetch_ports: tuple[int, ...] = Field((80, 443), description="Ports that uploads from a URL may use.")
    fetch_allow_private: bool = Field(
        False, description="Allow uploads from a URL to use private addresses (tests, intranets)."
    )
    webhook_allow_private: bool = Field(
        False, description="Allow webhooks to private addresses: receivers on this machine or in your network."
    )
    fetch_connect_seconds: float = Field(
        5.0, gt=0.0, description="How long an upload from a URL waits for a connection."
    )
    fetch_total_seconds: float = Field(30.0, gt=0.0, description="Time limit for fetching one URL.")
    fetch_max_redirects: int = Field(3, ge=0, description="Largest number of redirects to follow. Each is checked.")

    # The API.
    api_host: str = Field("127.0.0.1", description="Address the API binds to.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port the API binds to.")
    authentication: Literal["none", "login", "keys"] = Field(
        "login",
        description="login: the admin pages need a login, and the API needs a key for admin requests only. "
        "keys: the API always needs a key. none: no login and no key.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names that the server answers to, separated by ','. Unset: any name with keys, "
        "else only this machine (localhost, 127.0.0.1).",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks (10.0.0.0/24) of proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are trusted, separated by ','. * for any. Unset: of none.",
    )
    uploads_per_minute: int = Field(
        600, ge=0, description="Upload requests per minute for one key or address, if keys are needed. 0: no limit."
    )
    searches_per_minute: int = Field(600, ge=0, description="Search requests per minute, likewise.")
    session_idle_seconds: float = Field(12 * 3600.0, gt=0.0, description="How long a login lasts without a request.")
    session_max_seconds: float = Field(14 * 24 * 3600.0, gt=0.0, description="Longest duration of a login.")
    max_wait_seconds: float = Field(60.0, ge=0.0, description="Largest value of POST /media?wait_seconds=.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Log level.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Log format: text for people, or one JSON object per line."
    )

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
        # Otherwise the server would treat an invalid address as the name of a proxy, which never matches.
        for part in value if value != ("*",) else ():
            ip_network(part)
        return value

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        zone_of(value)
        return value

    @cached_property
    def home_path(self) -> Path:
        """The home as an absolute path. Does not create it: see `make_home`."""
        return self.home.expanduser().resolve()

    def make_home(self) -> Path:
        """Create the home if it is missing, for its owner alone. One that is there stays as it is; `doctor` judges it."""
        self.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home_path

    @cached_property
    def resolved_storage_url(self) -> str:
        """The fsspec URL of the storage, or its default."""
        return self.storage_url or (self.home_path / "storage").as_uri()

    @cached_property
    def library_digest(self) -> str:
        """What tells whether two processes have the same library, and settings by which they answer a query alike."""
        url = self.database_url
        library = str(self.home_path) if url is None else url.get_secret_value()
        encoders = (
            self.preset,
            self.image_model,
            self.image_checkpoint,
            self.text_model,
            self.image_runtime,
            self.text_runtime,
        )
        return sha256(repr((library, self.alpha, self.max_body_bytes, *encoders)).encode()).hexdigest()

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The secret values of these settings, which must not appear in any log."""
        servers = [
            url.get_secret_value()
            for url in (self.database_url, self.direct_database_url, self.redis_url)
            if url is not None
        ]
        token = "" if self.vector_service_token is None else self.vector_service_token.get_secret_value()
        found = [
            token,
            *storage_secrets(self.storage_url or "", self.storage_options),
            *chain(*map(server_secrets, servers)),
        ]
        return frozenset(filter(None, found))


def forbid_writing_by_all() -> None:
    """Change a umask that lets everybody write, such as 000 of some containers, so that only the owner can. Others stay: they decide
    who shares a storage and exports."""
    mask = os.umask(0o077)
    os.umask(mask if mask & 0o002 else mask | 0o022)


def cache_folder() -> Path:
    """Folder for what can be made again: `mediacluster` in XDG_CACHE_HOME, or in ~/.cache. Does not create it."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification has relative paths ignored.
    return (given if given.is_absolute() else Path.home() / ".cache") / "mediacluster"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and `.env`. `overrides` take precedence.

    Raises:
        ConfigurationError: a variable is not valid; the message names each one with the reason.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{_variable_name(str(item['loc'][0]))}: {item['msg'].lower()}{_given(str(item['loc'][0]), item['input'])}"
            for item in error.errors(include_url=False)
        )
        raise ConfigurationError(
            f"These settings are not valid: {mistakes}.", hint="Correct them in the environment or in .env."
        ) from None
    except SettingsError as error:
        # The message names the field that is not JSON, but not its value, which may be secret.
        raise ConfigurationError(
            f"These settings are not valid: {error}.", hint="Correct them in the environment or in .env."
        ) from None


def _given(field: str, value: object) -> str:
    """The given value for an error message, unless it may be secret."""
    return "" if field.lower() in _SECRET_FIELDS else f" (got {value!r})"


def _variable_name(field: str) -> str:
    if field.upper() in {"DATABASE_URL", "REDIS_URL"}:
        return field.upper()
    return f"MEDIACLUSTER_{field.upper()}"
