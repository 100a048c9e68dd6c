"""GET /metrics: what Prometheus reads, counted in the database at the scrape."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from backend.features.services import Services
from backend.store.engine import Database
from backend.store.evaluation import record_recall_audit
from backend.store.schema import MediaStatus, Space
from backend.store.search import record_background
from backend.store.telemetry import Measure, add_values
from backend.store.telemetry.histograms import fetch_histograms
from backend.web.api.app import create_app
from backend.web.api.routes.metrics import make_registry
from backend.web.pages.static_files import static_path
from backend.web.server import create_web_app

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"


def scrape(client: TestClient) -> dict[tuple[str, str], float]:
    """Values by name and the value of the label, '' where there is none."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics__of_an_empty_library(client: TestClient) -> None:
    figures = scrape(client)
    assert {("mediacluster_media", status.value) for status in MediaStatus} <= set(figures)
    assert figures["mediacluster_oldest_pending_seconds", ""] == 0
    assert {value for (name, _), value in figures.items() if "pool" not in name} == {0.0}
    assert not [name for name, _ in figures if "recall" in name]


def test_metrics__follow_the_database(
    client: TestClient,
    services: Services,
    insert_media: Callable[..., list[uuid.UUID]],
    make_test_space: Callable[..., Space],
) -> None:
    space = make_test_space(services.database)
    ids = insert_media(services.database, 3, "pending")
    insert_media(services.database, 2, "embedded", first=10)
    with services.database.transaction() as session:
        session.execute(
            sa.text("UPDATE media SET created_at = now() - interval '1 hour' WHERE id = :id"), {"id": ids[0]}
        )
        session.execute(
            sa.text("UPDATE media SET lease_token = id, lease_until = now() + interval '1 hour' WHERE id = :id"),
            {"id": ids[1]},
        )
        record_background(session, space.id, "words", {}, 5)
        session.execute(sa.text("UPDATE background SET sampled_at = now() - interval '2 days'"))
        record_recall_audit(session, space.id, k=10, sampled=50, fused={0.0: 0.5}, fused_index={}, legs={})
        record_recall_audit(
            session,
            space.id,
            k=5,
            sampled=40,
            fused={0.0: 1.0, 0.6: 0.99},
            fused_index={0.6: 0.9},
            legs={"image": 0.97, "text": 0.98},
        )
        now = session.execute(sa.text("SELECT extract(epoch FROM now())::float8")).scalar_one()
    figures = scrape(client)
    assert (figures["mediacluster_media", "pending"], figures["mediacluster_media", "embedded"]) == (3, 2)
    # One is under way.
    assert [figures["mediacluster_queue_depth", step] for step in ("fetching", "pending", "embedded")] == [0, 2, 2]
    assert 3600 <= figures["mediacluster_oldest_pending_seconds", ""] < 3700
    assert 172_800 <= figures["mediacluster_background_age_seconds", "words"] < 172_900
    assert figures["mediacluster_search_recall", "0"] == 1.0
    assert figures["mediacluster_search_recall", "0.6"] == 0.99
    assert figures["mediacluster_fused_index_recall", "0.6"] == 0.9
    assert figures["mediacluster_leg_recall", "text"] == 0.98
    assert (figures["mediacluster_recall_audit_k", ""], figures["mediacluster_recall_audit_sampled", ""]) == (5, 40)
    assert figures["mediacluster_recall_audit_timestamp_seconds", ""] == pytest.approx(now, abs=60)
    text = PAGE.read_text(encoding="utf-8")
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in figures}
    assert [name for name in families if f"`{name}`" not in text] == []


def test_metrics__histograms_add_up_over_writers(client: TestClient, services: Services) -> None:
    for values in ([0.004, 0.3], [0.3, 1000.0]):
        with services.database.transaction() as session:
            add_values(session, {Measure.DECODE: values, Measure.ASSIGN_BATCH: [64]})
    buckets = {
        (sample.name, sample.labels.get("stage"), sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    name = "mediacluster_stage_seconds"
    assert [buckets[f"{name}_bucket", "decode", le] for le in ("0.005", "0.25", "0.5", "60.0", "+Inf")] == [
        1,
        1,
        3,
        3,
        4,
    ]
    assert buckets[f"{name}_sum", "decode", None] == pytest.approx(1000.604)
    assert buckets[f"{name}_count", "encode", None] == 0
    assert buckets["mediacluster_assign_batch_size_bucket", None, "64.0"] == 2
    assert buckets["mediacluster_assign_batch_size_bucket", None, "32.0"] == 0


def test_metrics__histograms_whose_buckets_have_changed_begin_anew(services: Services) -> None:
    with services.database.transaction() as session:
        session.execute(sa.text("INSERT INTO histogram VALUES ('decode', '{1}', '{5,5}', 9)"))
        assert fetch_histograms(session)[Measure.DECODE].total == 0
        add_values(session, {Measure.DECODE: [0.5]})
        assert fetch_histograms(session)[Measure.DECODE].total == 0.5


def test_metrics__requests_by_route_method_and_class(services: Services) -> None:
    with TestClient(create_web_app(services), raise_server_exceptions=False) as client:
        for path in (f"/media/{uuid.uuid4()}", f"/media/{uuid.uuid4()}", "/media", "/nowhere/1", "/nowhere/2"):
            client.get(path)
        client.request("INVENTED", "/media")
        client.get("/media", headers={"host": "elsewhere.example"})
        static = f"/admin{static_path()}"
        for path in (f"/admin/media/{uuid.uuid4()}", f"{static}/mark.svg", f"{static}/none.svg"):
            client.get(path)
        counted = {
            tuple(sample.labels[name] for name in ("method", "route", "status")): sample.value
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
            if sample.name == "mediacluster_http_request_seconds_count"
        }
    assert counted == {
        ("GET", "/media/{media_id}", "4xx"): 2,
        ("GET", "/media", "2xx"): 1,
        ("GET", "none", "4xx"): 3,  # one came to a name that is not ours
        ("other", "/media", "4xx"): 1,
        ("GET", "/admin/media/{media_id}", "4xx"): 1,
        ("GET", static, "2xx"): 1,
        ("GET", static, "4xx"): 1,
    }


def test_metrics__each_application_has_its_own(services: Services) -> None:
    """The shared registry would refuse the second."""
    first, second = create_app(services), create_app(services)
    assert first.state.metrics is not second.state.metrics


def test_metrics__without_a_database(services: Services) -> None:
    app = create_app(services)
    app.state.metrics = make_registry(Database("postgresql://nobody@127.0.0.1:1/none"), services.vectors)
    answer = TestClient(app, raise_server_exceptions=False).get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (503, "backend_unavailable")
