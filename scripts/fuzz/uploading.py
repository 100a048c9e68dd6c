"""Send the zoo through the whole way in: HTTP, the decoders, storage and database, and the embedding of what got in."""

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
# What a file may be refused for, whatever is in it and however it is called. Anything else (a login, a limit, a wrong host)
# would mean that it never came as far as the door.
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
    """Answers by code (`taken` among them), by kind of specimen; by how many bytes this process grew at most."""

    codes: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    grown_bytes: int = 0
    violations: list[str] = field(default_factory=list)


def upload_zoo(client: TestClient, services: Services, zoo: Iterable[Specimen]) -> ZooReport:
    """Upload each specimen and embed what is taken in.

    A violation is an answer that neither takes a file nor refuses it for what it is, a sound picture that is not taken, or
    a media that is neither embedded nor failed with a reason.
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
    """The code of a Problem; 'none' where the answer is no such thing."""
    try:
        told = json.loads(body)
    except ValueError:
        return "none"
    return str(told.get("code", "none")) if isinstance(told, dict) else "none"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
