"""Write `.env.example` and the tables of `docs/reference/settings.md` from `backend.settings`.

Run it after every change of a setting. `tests/unit/test_settings.py` fails until then.
"""

import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from backend.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
ENV_EXAMPLE = ROOT / ".env.example"
REFERENCE = ROOT / "docs" / "reference" / "settings.md"
BEGIN, END = "<!-- written by scripts/write_env_example.py -->", "<!-- end of what is written -->"

# Each group by its first setting, in the order of `backend.settings`.
GROUPS = {
    "home": "Locations",
    "preset": "Encoders",
    "threshold": "Grouping and fusion",
    "lease_seconds": "Work and timeouts",
    "max_body_bytes": "Limits of uploads",
    "api_host": "The API",
}

_HEAD = """\
# Settings of mediacluster. Copy this file to .env and uncomment the lines that you change.
# Every setting is listed with its default. An environment variable overrides a line in .env.
# Written by scripts/write_env_example.py; docs/reference/settings.md has the same settings as tables.
"""

_COMPOSE = """\

# === For docker compose only ===

# Password of the database; compose does not start without it. Use single quotes, or Compose reads a $ in it as a variable.
#POSTGRES_PASSWORD=''

# Build of torch in the image: cpu, cu128, ...; cu128 with docker-compose.gpu.yml.
#TORCH_BACKEND=cpu

# Addresses of the containers. Change it if this machine uses them for something else.
#DOCKER_SUBNET=172.30.83.0/24
"""


def main() -> None:
    """Write both files."""
    ENV_EXAMPLE.write_text(render_env_example(), encoding="utf-8")
    REFERENCE.write_text(render_reference(REFERENCE.read_text(encoding="utf-8")), encoding="utf-8")


def render_env_example() -> str:
    """The text of `.env.example`."""
    return _HEAD + "".join(_env_entries()) + _COMPOSE


def render_reference(page: str) -> str:
    """The reference page with new tables between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{''.join(_table_rows())}\n{END}{rest.partition(END)[2]}"


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"MEDIACLUSTER_{name.upper()}"


def default_of(name: str) -> str:
    """The default of a setting as in the environment, empty for None."""
    return _written(Settings.model_fields[name].get_default(call_default_factory=True), separator=_separator(name))


def describe(name: str) -> str:
    """The description of a setting. Some need none beside their name."""
    return Settings.model_fields[name].description or f"{name.replace('_', ' ').capitalize()}."


def _env_entries() -> Iterator[str]:
    for name in Settings.model_fields:
        if name in GROUPS:
            yield f"\n# === {GROUPS[name]} ===\n"
        allowed = _allowed(Settings.model_fields[name])
        yield f"\n# {describe(name)}{f' ({allowed})' if allowed else ''}\n#{variable_of(name)}={default_of(name)}\n"


def _table_rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name in GROUPS:
            yield f"\n## {GROUPS[name]}\n\n| Variable | Default | Allowed | Meaning |\n|---|---|---|---|\n"
        default = f"`{default_of(name)}`" if default_of(name) else "unset"
        yield f"| `{variable_of(name)}` | {default} | {_allowed(field)} | {describe(name)} |\n"


def _written(value: Any, *, separator: str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple) and separator:
        return separator.join(map(str, value))
    return json.dumps(value) if isinstance(value, tuple | dict) else str(value)


def _separator(name: str) -> str | None:
    """The separator of a list: that of PATH for one setting, a comma for names, None (JSON) otherwise."""
    return {"import_roots": ":", "allowed_hosts": ",", "trusted_proxies": ","}.get(name)


def _allowed(field: FieldInfo) -> str:
    words = [str(word) for word in _literals(field.annotation)]
    if words:
        told = all(word in (field.description or "") for word in words)
        return "" if told else ", ".join(words)
    bounds = {
        sign: str(getattr(mark, name)) for mark in field.metadata for name, sign in _BOUNDS if hasattr(mark, name)
    }
    return ", ".join(f"{sign} {re.sub(r'[.]0$', '', bound)}" for sign, bound in bounds.items())


_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        return tuple(word for part in get_args(annotation) for word in _literals(part))
    return ()


if __name__ == "__main__":
    main()
