"""`mediacluster evaluate` on a real library, against the search itself and against counting naively."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup, Tag
from typer.testing import CliRunner

from backend.bootstrap import build_services
from backend.cli import app
from backend.demo.gallery import render_gallery
from backend.errors import Conflict, FileUnreadable, InputError
from backend.features.editing import Lock, Rename, perform
from backend.features.evaluation import Options, Source, evaluate, write_report
from backend.features.evaluation.tasks import Task
from backend.features.intake import accept_picture
from backend.features.model_change import choose_names, compare, drop, fill, make_space
from backend.features.review import judge, keep, withdraw_judgements
from backend.features.search import Effort, QueryEncoder, Searcher, SearchQuery
from backend.features.services import Services
from backend.features.steps import Assigner, embed_batch, fill_batch, open_active_space
from backend.files.text import MediaText
from backend.rules.grouping import Centroids, assign
from backend.rules.measures import adjusted_rand_index
from backend.settings import load_settings
from backend.store.media import NewEmbedding, insert_embeddings
from backend.store.review import QueryKind, find_picture
from backend.store.spaces import get_active_space

COUNT = 60
QUICK = Options(ks=(1, 5), resamples=60, thresholds=(0.7, 0.9, 0.97))


@dataclass(frozen=True)
class Library:
    services: Services
    kinds: dict[uuid.UUID, str]

    def everything(self) -> list[list[str]]:
        """All that an evaluation could have changed."""
        tables = (
            "media",
            "membership",
            "cluster",
            "centroid",
            "background",
            "cluster_event",
            "audit_log",
            "quality_report",
        )
        with self.services.database.transaction() as session:
            return [sorted(str(row) for row in session.execute(sa.text(f"SELECT * FROM {name}"))) for name in tables]


@pytest.fixture(scope="module")
def library(
    make_database_url: Callable[[str | None], str], template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """Pictures in folders by kind, but every tenth in the folder of another kind; one folder holds a single picture."""
    settings = load_settings(
        _env_file=None,
        home=tmp_path_factory.mktemp("evaluate"),
        database_url=make_database_url(template),
        redis_url="redis://127.0.0.1:1/0",  # nobody is rung
        preset="demo",
        authentication="none",
    )
    services = build_services(settings)
    pictures = list(render_gallery(COUNT, seed=3, size=96))
    folders = [picture.kind for picture in pictures]
    for place in range(0, COUNT, 10):
        folders[place] = folders[(place + 7) % COUNT]
    folders[5] = "lonely"
    kinds = {}
    for picture, folder in zip(pictures, folders, strict=True):
        buffer = io.BytesIO()
        picture.image.save(buffer, "JPEG")
        text = MediaText(picture.title, picture.caption, picture.keywords, picture.location, picture.story, None)
        uri = f"/photos/{folder}/{picture.name}"
        accepted = accept_picture(services, buffer.getvalue(), text, source="import", source_uri=uri, ring=False)
        kinds[accepted.media_id] = folder
    space = open_active_space(services)
    while embed_batch(services, space):
        pass
    Assigner(services, space).assign_waiting()
    yield Library(services, kinds)
    services.database.dispose()


@pytest.fixture(scope="module")
def document(library: Library) -> dict[str, Any]:
    return evaluate(library.services, Source(), QUICK).as_json()


def test_evaluate__reads_labels_from_folders_and_asks_every_task(library: Library, document: dict[str, Any]) -> None:
    assert document["labels"] == {
        "origin": "folders", "labels": len(set(library.kinds.values())), "media": COUNT, "unknown": 0,
    }  # fmt: skip
    assert document["notes"] == []
    tasks = document["retrieval"]
    assert list(tasks) == ["text_to_image", "caption_to_image", "image_to_text", "media_to_media", "hybrid"]
    # A picture that is alone in its folder has nothing to find.
    assert tasks["media_to_media"]["left_out"] >= 1
    assert tasks["media_to_media"]["queries"] + tasks["media_to_media"]["left_out"] == COUNT
    for task in tasks.values():
        for interval in task["measures"].values():
            assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
        assert sum(of_label["queries"] for of_label in task["labels"].values()) == task["queries"]
    assert (tasks["hybrid"]["method"], tasks["hybrid"]["alpha"]) == ("calibrated", 0.6)


def test_verdict__right_with_and_without_a_text_that_many_share(library: Library, document: dict[str, Any]) -> None:
    for measures in (document["verdict"]["as_it_is"], document["verdict"]["sharing_a_text"]):
        # Every tenth picture is in a wrong folder, where a label finds it without those of its own folder too.
        assert measures["queries"] == document["retrieval"]["hybrid"]["queries"]
        assert measures["precision"]["value"] >= 0.75
        assert measures["recall"]["value"] >= 0.8
        assert measures["hits_precision"]["value"] >= 0.7
        for name in ("precision", "recall", "hits_precision", "hits_recall"):
            assert 0 <= measures[name]["low"] <= measures[name]["value"] <= measures[name]["high"] <= 1


def test_hybrid__ranks_exactly_as_the_search(library: Library) -> None:
    services = library.services
    encoder = QueryEncoder(services.encoders_of, services.limits, services.decoders)
    searcher = Searcher(services.database, encoder, services.settings.alpha)
    # The first search samples the background that both go by.
    searcher.search(SearchQuery(words="anything"))
    evaluation = evaluate(services, Source(), QUICK)
    found = {one.task.value: one for one in evaluation.found}
    assert len(found["hybrid"].names) == len(set(library.kinds.values()))
    for words, hits in zip(found["hybrid"].names, found["hybrid"].hits, strict=True):
        answer = searcher.search(SearchQuery(words=words, k=5, effort=Effort.EXACT))
        assert [evaluation.reading.media_ids[row] for row in hits] == [hit.media_id for hit in answer.hits]
    similar = found["media_to_media"]
    for name, hits in list(zip(similar.names, similar.hits, strict=True))[:20]:
        answer = searcher.search(SearchQuery(media_ids=(uuid.UUID(name),), k=5, effort=Effort.EXACT))
        assert [evaluation.reading.media_ids[row] for row in hits] == [hit.media_id for hit in answer.hits]


def test_measures__as_counted_naively(library: Library, document: dict[str, Any]) -> None:
    evaluation = evaluate(library.services, Source(), QUICK)
    images = evaluation.reading.sides.images
    captions = evaluation.reading.sides.captions
    folders = [library.kinds[media_id] for media_id in evaluation.reading.media_ids]
    right, precision = 0, []
    for row, folder in enumerate(folders):
        others = [other for other in range(COUNT) if other != row and not np.isnan(captions[other, 0])]
        if folder not in {folders[other] for other in others}:
            continue
        ranked = sorted(others, key=lambda other: -float(captions[other] @ images[row]))[:5]
        right += 1
        precision.append(sum(folders[other] == folder for other in ranked) / 5)
    task = document["retrieval"]["image_to_text"]
    assert task["queries"] == right
    assert task["measures"]["precision@5"]["value"] == pytest.approx(np.mean(precision), abs=1e-6)


def test_thresholds__equal_really_assigning(library: Library, document: dict[str, Any]) -> None:
    evaluation = evaluate(library.services, Source(), QUICK)
    images = evaluation.reading.sides.images
    folders = [library.kinds[media_id] for media_id in evaluation.reading.media_ids]
    sweep = document["threshold"]
    # The library's own is always among them.
    assert [point["threshold"] for point in sweep["points"]] == [0.7, 0.82, 0.9, 0.97]
    for point in sweep["points"]:
        run = assign(images, Centroids.empty(images.shape[1]), point["threshold"])
        groups = [decision.row for decision in run.decisions]
        assert point["groups"] == len(set(groups))
        assert point["value"] == pytest.approx(adjusted_rand_index(folders, groups), abs=1e-6)
    best = max(sweep["points"], key=lambda point: point["value"])
    assert sweep["best"]["value"] == best["threshold"]
    assert sweep["best"]["value"] in sweep["best"]["as_good"]
    online = document["grouping"]["groupings"][0]
    with library.services.database.transaction() as session:
        now = {row[0]: row[1] for row in session.execute(sa.text("SELECT media_id, cluster_id FROM membership"))}
    expected = adjusted_rand_index(list(library.kinds.values()), [now[media_id] for media_id in library.kinds])
    assert online["measures"]["adjusted_rand_index"]["value"] == pytest.approx(expected, abs=1e-6)


def test_evaluate__changes_nothing_and_is_repeatable(library: Library) -> None:
    before = library.everything()
    first = evaluate(library.services, Source(), QUICK).as_json()
    assert library.everything() == before
    assert evaluate(library.services, Source(), QUICK).as_json() == first


def test_faults__are_the_wrong_hits_that_could_have_been_right(document: dict[str, Any]) -> None:
    task = document["retrieval"]["media_to_media"]
    assert sum(task["faults"].values()) > 0
    by_label = [of_label["faults"] for of_label in task["labels"].values()]
    for fault, count in task["faults"].items():
        assert sum(one[fault] for one in by_label) == count
    assert document["retrieval"]["image_to_text"]["faults"] is None


def test_queries__are_drawn_by_the_seed_where_there_are_more(library: Library) -> None:
    few = Options(ks=(5,), most_queries=7, resamples=20, thresholds=(0.9,), most_offline=20, most_media=30)
    document = evaluate(library.services, Source(), few).as_json()
    task = document["retrieval"]["media_to_media"]
    assert (task["queries"], task["drawn"]) == (7, True)
    assert (document["grouping"]["media"], document["grouping"]["drawn"]) == (20, True)
    assert (document["threshold"]["media"], document["threshold"]["drawn"]) == (30, True)


# --- where labels come from ----------------------------------------------------------------------------------


def test_labels__from_a_file_by_id_path_or_name(library: Library, tmp_path: Path) -> None:
    ids = list(library.kinds)
    with library.services.database.transaction() as session:
        uris = {row[0]: row[1] for row in session.execute(sa.text("SELECT id, source_uri FROM media"))}
    rows = [(str(media_id), library.kinds[media_id]) for media_id in ids[:20]]
    rows += [(uris[media_id], library.kinds[media_id]) for media_id in ids[20:40]]
    rows += [(Path(uris[media_id]).name, library.kinds[media_id]) for media_id in ids[40:]]
    rows += [("/photos/gone/nowhere.jpg", "gone")]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,kind\n" + "".join(f"{place},{kind}\n" for place, kind in rows))
    mapping = tmp_path / "labels.json"
    mapping.write_text(json.dumps(dict(rows)))
    lines = tmp_path / "labels.jsonl"
    lines.write_text("".join(json.dumps({"path": place, "kind": kind}) + "\n" for place, kind in rows))
    expected = evaluate(library.services, Source(), QUICK)
    for path in (manifest, mapping, lines):
        found = evaluate(library.services, Source(str(path), "kind"), QUICK)
        assert found.truth.unknown == 1
        assert found.truth.names == expected.truth.names
        assert np.array_equal(found.truth.codes, expected.truth.codes)


def test_labels__from_groups_that_a_curator_vouches_for(library: Library) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        evaluate(library.services, Source("groups"), QUICK)
    with library.services.database.transaction() as session:
        largest = session.execute(
            sa.text("SELECT cluster_id, member_count FROM centroid ORDER BY member_count DESC, 1 LIMIT 2")
        ).all()
    perform(library.services, Rename(largest[0][0], "mine"), actor="ada")
    perform(library.services, Lock(largest[1][0]), actor="ada")
    found = evaluate(library.services, Source("groups"), QUICK)
    assert len(found.truth.names) == 2
    assert f"mine ({largest[0][0]})" in found.truth.names
    assert len(found.truth.labelled) == largest[0][1] + largest[1][1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "path,kind\nx.jpg,sea\n", "no labels"),
        ("a.json", "[1]", "not a JSON object"),
        ("a.jsonl", "{", "not a JSON object"),
        ("a.json", '{"nowhere.jpg": "sea"}', r"nothing to compare: 0 of \d+ pictures have a label by a\.json\."),
    ],
    ids=["no-such-column", "no-object", "broken-line", "unknown-media"],
)
def test_labels__a_file_that_makes_no_sense_says_what_to_do(
    library: Library, tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match=message) as raised:
        evaluate(library.services, Source(str(path)), QUICK)
    assert raised.value.hint


def test_labels__one_for_all_is_named(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({str(media_id): "sea" for media_id in library.kinds}))
    with pytest.raises(InputError, match=r"label by one\.json, and all the same one, 'sea'\. "):
        evaluate(library.services, Source(str(path)), QUICK)


@pytest.mark.parametrize("ks", [(), (0,), (5, 101)], ids=["none", "too-few", "too-many"])
def test_options__say_what_was_asked_for(ks: tuple[int, ...]) -> None:
    with pytest.raises(
        InputError, match=r"^The number of hits to count is (none|0|5, 101)\. Give numbers from 1 to 100\.$"
    ):
        replace(QUICK, ks=ks).checked()


# --- the command ---------------------------------------------------------------------------------------------


@pytest.fixture
def run(library: Library, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr("backend.bootstrap.build_services", lambda _settings: library.services)
    monkeypatch.setattr("backend.cli.servers.prepare_database", lambda _settings: None)

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["evaluate", *arguments])

    return call


def test_command__prints_tables_and_writes_json(run: Callable[..., Any], library: Library, tmp_path: Path) -> None:
    wordings = tmp_path / "words.json"
    wordings.write_text(json.dumps({"lonely": ["one that is alone", "nobody else"]}))
    result = run("--json", str(tmp_path / "out.json"), "--resamples", "40", "-k", "3", "--words", str(wordings))
    assert result.exit_code == 0, result.output
    for word in (
        "text to image",
        "media to media",
        "hybrid",
        "share a text",
        "online",
        "agglomerative",
        "best threshold",
    ):
        assert word in result.stdout
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["schema_version"] == 1
    assert document["headline"] == "ndcg@3"
    assert {"one that is alone", "nobody else"} <= set(document["retrieval"]["hybrid"]["by_query"]["names"])
    printed = run("--json", "-", "--resamples", "40", "-k", "3", "--words", str(wordings))
    assert json.loads(printed.stdout) == document


def test_command__refuses_what_makes_no_sense(run: Callable[..., Any], tmp_path: Path) -> None:
    wordings = tmp_path / "words.json"
    wordings.write_text(json.dumps({"no such label": "words"}))
    for arguments in (["-k", "0"], ["--resamples", "1"], ["--seed", "-1"], ["--words", str(wordings)]):
        result = run(*arguments)
        assert isinstance(result.exception, InputError), arguments
    assert isinstance(run("--labels", str(tmp_path / "gone.csv")).exception, Exception)


@pytest.mark.parametrize("option", ["--html", "--json"])
def test_command__a_place_that_cannot_be_written_is_refused_before_the_work(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("backend.features.evaluation.evaluation.evaluate", lambda *_, **__: pytest.fail("it was begun"))
    for place in (tmp_path, tmp_path / "gone" / "out"):
        assert isinstance(run(option, str(place)).exception, FileUnreadable)


def test_command__the_gate_closes_with_its_own_status(run: Callable[..., Any], tmp_path: Path) -> None:
    saved, better = tmp_path / "saved.json", tmp_path / "better.json"
    assert run("--json", str(saved), "--resamples", "100", "-k", "5").exit_code == 0
    passed = run("--gate", str(saved), "--resamples", "100", "-k", "5")
    assert (passed.exit_code, "gate passed" in passed.stderr) == (0, True)
    document = json.loads(saved.read_text())
    for task in document["retrieval"].values():
        task["by_query"]["ndcg@5"] = [value + 0.1 for value in task["by_query"]["ndcg@5"]]
    better.write_text(json.dumps(document))
    closed = run("--gate", str(better), "--resamples", "100", "-k", "5")
    assert (closed.exit_code, "gate failed" in closed.stderr) == (3, True)
    better.write_text("{}")
    refused = run("--gate", str(better))
    assert isinstance(refused.exception, InputError)


def caption_of(figure: Tag) -> str:
    caption = figure.find("figcaption")
    assert caption is not None
    return str(caption["title"])


def test_report__is_one_file_that_needs_nothing_else(
    run: Callable[..., Any], library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Too few for UMAP, which compiles itself for a minute; its own tests have it.
    monkeypatch.setattr("backend.features.evaluation.pictures._MAPPED", 40)
    path = tmp_path / "report.html"
    before = library.everything()
    result = run("--html", str(path), "--resamples", "40", "-k", "5")
    assert result.exit_code == 0, result.output
    assert library.everything() == before
    page = BeautifulSoup(path.read_text(), "html.parser")
    assert page.find("script") is None
    links = [str(tag.get(name)) for tag in page.find_all(True) for name in ("src", "href") if tag.get(name)]
    assert links
    assert all(link.startswith("data:image/webp;base64,") for link in links)
    style = page.find("style")
    assert style is not None
    assert style.string is not None
    assert "url(" not in style.string
    assert "@import" not in style.string
    # Two maps, two kinds of pairs, two alphas and a threshold, each with its name for those who do not see it.
    assert [len(page.select(f"svg.{name}[aria-label]")) for name in ("map", "plot")] == [2, 5]
    assert len(page.select("svg.map circle")) == 2 * 40
    # What is marked wrong has another label than the query.
    marked = 0
    for asked in page.select("section.asked"):
        heading = asked.select_one("header span.quiet")
        assert heading is not None
        label = heading.text.partition(" · ")[0]
        for figure in asked.select("figure.wrong"):
            marked += 1
            assert caption_of(figure) != label
        for figure in asked.select("figure.right"):
            assert caption_of(figure) == label
    assert marked > 0


def test_evaluate__a_space_beside_and_both_side_by_side(
    library: Library, narrow_image_model: str, request: pytest.FixtureRequest
) -> None:
    services = library.services
    names = choose_names(services, None, narrow_image_model, None, None)
    narrow = make_space(services, names, name="narrow", actor="ada")
    request.addfinalizer(lambda: drop(services, "narrow", actor="ada"))
    with pytest.raises(Conflict, match="no vectors"):
        evaluate(services, Source(), QUICK, space="narrow")
    fill(services, "narrow", actor="ada")
    while fill_batch(services):
        pass

    beside = evaluate(services, Source(), QUICK, space="narrow")
    active = evaluate(services, Source(), QUICK)
    assert (beside.reading.space, beside.reading.sides.images.shape) == ("narrow", (COUNT, 96))
    assert beside.reading.library.clusters.tolist() == active.reading.library.clusters.tolist()
    assert beside.as_json()["retrieval"].keys() == active.as_json()["retrieval"].keys()

    comparison = compare(services, "narrow", source=Source(), actor="ada")
    assert comparison.finding is not None
    found = {one.task: one for one in comparison.finding.tasks}
    for task, one in found.items():
        here, there = (side.as_json()["retrieval"][task]["by_query"] for side in (active, beside))
        assert (one.queries, here["names"]) == (len(here["names"]), there["names"])
    assert {one.verdict for one in found.values()} <= {"same", "worse", "better"}

    # Vectors that say nothing: the verdict tells, and what is missing is left out on either side.
    with services.database.transaction() as session:
        session.execute(sa.text("DELETE FROM embedding WHERE space_id = :id"), {"id": narrow.id})
        noise = np.random.default_rng(5).normal(size=(COUNT - 4, 96)).astype(np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        ids = sorted(library.kinds)[4:]
        insert_embeddings(session, narrow.id, [NewEmbedding(*row, None, None) for row in zip(ids, noise, strict=True)])
    finding = compare(services, "narrow", actor="ada").finding
    assert finding is not None
    assert (finding.origin, finding.media) == ("folders", COUNT - 4)
    (similar,) = (one for one in finding.tasks if one.task == "media_to_media")
    assert (similar.verdict, similar.difference.high < 0) == ("worse", True)
    assert beside.notes == ()
    assert "4 pictures have no vectors" in evaluate(services, Source(), QUICK, space="narrow").notes[0]


def test_judged_pictures__are_ranked_as_the_search_ranked_them(library: Library) -> None:
    """What was dropped is asked again from the copy that is kept, alone by looks, with words by both legs."""
    services = library.services
    encoder = QueryEncoder(services.encoders_of, services.limits, services.decoders)
    searcher = Searcher(services.database, encoder, services.settings.alpha)
    said: list[tuple[QueryKind, str, uuid.UUID]] = []
    expected: dict[str, list[uuid.UUID]] = {}
    for picture in list(render_gallery(6, seed=9, size=400)):
        buffer = io.BytesIO()
        picture.image.save(buffer, "PNG")
        checksum = keep(services, buffer.getvalue())
        with services.database.transaction() as session:
            kept = find_picture(session, bytes.fromhex(checksum))
        assert kept is not None
        for words in ("", "a boat in the evening"):
            query = SearchQuery(words=words, pictures=(kept,), k=10, effort=Effort.EXACT)
            hits = [hit.media_id for hit in searcher.search(query).hits]
            name = f"{checksum} {words}".strip()
            for place, media_id in enumerate(hits):
                judge(services, QueryKind.PICTURE, name, media_id, is_right=place % 3 == 1, actor="ada")
                said.append((QueryKind.PICTURE, name, media_id))
            expected[name] = hits
    try:
        evaluation = evaluate(services, Source("judgements"), QUICK)
    finally:
        withdraw_judgements(services, said, actor="ada")
    found = {one.task: one for one in evaluation.found}
    assert set(found) == {Task.PICTURE, Task.PICTURE_AND_WORDS}
    assert (found[Task.PICTURE].alpha, found[Task.PICTURE_AND_WORDS].alpha) == (1.0, 0.6)
    assert (found[Task.PICTURE].by_alpha is None, found[Task.PICTURE_AND_WORDS].by_alpha is None) == (True, False)
    for one in found.values():
        assert len(one.names) == 6
        for name, hits in zip(one.names, one.hits, strict=True):
            ranked = [evaluation.reading.media_ids[row] for row in hits if row >= 0]
            assert ranked == expected[name][: len(ranked)]
            assert len(ranked) == 5
    # And the report has them.
    assert "Dropped picture and words" in write_report(services, evaluation)


def test_kept_picture__is_as_near_to_what_was_dropped_as_can_be(library: Library) -> None:
    services = library.services
    with services.database.transaction() as session:
        encoders = services.encoders_of(get_active_space(session))
    cosines = []
    for picture in list(render_gallery(12, seed=11, size=900)):
        buffer = io.BytesIO()
        picture.image.save(buffer, "PNG")
        checksum = keep(services, buffer.getvalue())
        with services.database.transaction() as session:
            kept = find_picture(session, bytes.fromhex(checksum))
        assert kept is not None
        one, other = (
            encoders.image.embed_pictures(
                [
                    services.decoders.decode(
                        data,
                        services.limits,
                        at_least=encoders.image.input_size_pixels,
                        fit=encoders.image.first_resize,
                    ).image
                ]
            )[0]
            for data in (buffer.getvalue(), kept)
        )
        cosines.append(float(one @ other))
    assert min(cosines) >= 0.99, cosines
