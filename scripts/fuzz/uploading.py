"""Uploads of malformed files through HTTP, decoders, storage and database, and embedding of accepted ones."""

import json
import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.features.services import Services
from backend.features.steps import embed_batch, open_active_space
from scripts.fuzz.zoo import SOUND, Specimen

_TAKEN = {200, 202}
# Valid reasons to refuse a file. Another code (authentication, rate limit, wrong host) would mean that the file was never
# examined.
REFUSALS = frozenset(
    {
        "malformed_request",
        "invalid_text",
        "file_too_large",
        "unsupported_format",
        "image_corrupt",
        "image_truncated",
        "too_many_pixels",
        "metadata_too_large",
        "decode_crash",
    }
)


@dataclass
class ZooReport:
    """Responses by code (`taken` if accepted), by kind of file, and the growth of this process in bytes."""

    codes: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    grown_bytes: int = 0
    violations: list[str] = field(default_factory=list)


def upload_zoo(client: TestClient, services: Services, zoo: Iterable[Specimen]) -> ZooReport:
    """Upload each specimen and embed the accepted ones.

    Violations are responses that neither accept a file nor refuse it for a valid reason, intact pictures that are refused, and
    pictures that are neither embedded nor failed with a reason.
    """
    report = ZooReport()
    before = _peak_bytes()
    for specimen in zoo:
        answer = client.post("/media", files={"file": (specimen.name, specimen.data, "image/jpeg")})
        code = "taken" if answer.status_code in _TAKEN else _code_of(answer.text)
        if code not in REFUSALS | {"taken"} or answer.status_code >= 500:
            report.violations.append(f"{specimen.number} ({specimen.kind}): {answer.status_code} {answer.text[:300]}")
        report.codes[code] += 1
        report.by_kind.setdefault(specimen.kind, Counter())[code] += 1
    if (sound := report.by_kind.get(SOUND)) is not None and not sound["taken"]:
        report.violations.append(f"no sound picture was taken: {dict(sound)}")
    report.grown_bytes = _peak_bytes() - before
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    with services.database.transaction() as session:
        rows = session.execute(sa.text("SELECT status, error_code, count(*) FROM media GROUP BY 1, 2")).all()
    for status, error_code, count in rows:
        report.statuses[status] = report.statuses.get(status, 0) + count
        if status not in {"embedded", "ready", "failed"} or (status == "failed" and not error_code):
            report.violations.append(f"{count} media are {status} with {error_code}")
    return report


def _code_of(body: str) -> str:
    """The code of a Problem, 'none' if the body is not one."""
    try:
        told = json.loads(body)
    except ValueError:
        return "none"
    return str(told.get("code", "none")) if isinstance(told, dict) else "none"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
