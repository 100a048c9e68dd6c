"""Search over a small gallery with the demo encoders: what is found, how it is paged, narrowed, judged and refused."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from backend.api.app import create_app
from backend.bootstrap import build_services
from backend.db.backgrounds import find_background
from backend.db.tables import Media, Membership
from backend.embedded.gallery import KIND_QUERIES, KINDS, Picture, render_gallery, render_picture
from backend.errors import InvalidQuery
from backend.ingest.text import MediaText
from backend.pipeline.assign import Assigner
from backend.pipeline.embed import embed_batch
from backend.pipeline.intake import accept_picture
from backend.pipeline.space import open_active_space
from backend.search.encoding import QueryEncoder
from backend.search.fusion import FusionMethod
from backend.search.query import SearchQuery
from backend.search.search import Searcher
from backend.services import Services
from backend.settings import load_settings

COUNT = 144
SIZE = 160


@dataclass(frozen=True)
class Gallery:
    """A library whose kinds of scene are known."""

    services: Services
    client: TestClient
    searcher: Searcher
    kinds: dict[uuid.UUID, str]

    def kind_of(self, hit: dict[str, Any]) -> str:
        return self.kinds[uuid.UUID(hit["media_id"])]

    def of_kind(self, kind: str) -> list[uuid.UUID]:
        return [media_id for media_id, own in self.kinds.items() if own == kind]

    def get(self, **parameters: Any) -> dict[str, Any]:
        answer = self.client.get("/search", params=parameters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def jpeg(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    picture.image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def add(services: Services, picture: Picture, source: str) -> uuid.UUID:
    text = MediaText(
        picture.title, picture.caption, picture.keywords, picture.location, picture.story, picture.taken_at
    )
    return accept_picture(services, jpeg(picture), text, source=source, ring=False).media_id


def searcher_of(services: Services) -> Searcher:
    encoder = QueryEncoder(lambda: services.encoders, services.limits)
    return Searcher(services.database, encoder, services.settings.alpha)


@pytest.fixture(scope="module")
def gallery(
    make_database_url: Callable[[str | None], str], template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gallery]:
    settings = load_settings(
        _env_file=None,
        home=tmp_path_factory.mktemp("gallery"),
        database_url=make_database_url(template),
        redis_url="redis://127.0.0.1:1/0",  # nobody is rung
        preset="demo",
    )
    services = build_services(settings)
    kinds = {
        add(services, picture, ("upload", "import")[number % 2]): picture.kind
        for number, picture in enumerate(render_gallery(COUNT, seed=3, size=SIZE))
    }
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space, ring=False).assign_waiting() if False else Assigner(services, space).assign_waiting()
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        yield Gallery(services, client, searcher_of(services), kinds)
    services.database.dispose()
