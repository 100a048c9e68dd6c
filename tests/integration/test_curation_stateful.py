"""Random sequences of uploads, operations, consolidation, new thresholds, undo and redo against a naive model, with a clean
audit after every step."""

import copy
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pydantic import SecretStr

from backend.errors import MediaclusterError, UndoBlocked
from backend.features.consolidation import apply_threshold, consolidate_library
from backend.features.editing import (
    ChooseRepresentative,
    Confirm,
    Dissolve,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
    delete_media,
    list_history,
    perform,
    redo,
    undo,
)
from backend.features.integrity import audit
from backend.features.services import Services
from backend.features.steps import Assigner
from backend.rules.editing import Outcome
from backend.rules.grouping.assignment import exact_similarity
from backend.store.groups import UNDO, HistoryEvent, list_cannot_links, read_members
from backend.store.schema import Space
from backend.store.spaces import get_threshold
from backend.vectors import unit_rows

DIMENSION = 4
THRESHOLD = 0.82
Media = uuid.UUID


Choice = TypeVar("Choice", str, Media)


@dataclass(frozen=True)
class Place:
    """The group of a picture, its place in the order of decisions, whether a curator decided it, and the event."""

    cluster: int
    order: int
    curated: bool = False
    event: int | None = None


@dataclass
class State:
    """The library as plain dictionaries; clusters are whatever media are in. parted: pairs that a curator took apart."""

    places: dict[Media, Place] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    chosen: dict[int, Media] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    links: set[tuple[int, int, int]] = field(default_factory=set)
    parted: set[frozenset[Media]] = field(default_factory=set)

    def members(self, cluster: int) -> list[Media]:
        found = [media for media, place in self.places.items() if place.cluster == cluster]
        return sorted(found, key=lambda media: self.places[media].order)

    def clusters(self) -> list[int]:
        return sorted({place.cluster for place in self.places.values()})

    def tidy(self) -> None:
        """What belongs to clusters that are gone goes; who has left does not stand for what it has left."""
        there = set(self.clusters())
        self.labels = {cluster: label for cluster, label in self.labels.items() if cluster in there}
        self.locked &= there
        self.chosen = {
            cluster: media
            for cluster, media in self.chosen.items()
            if media in self.places and self.places[media].cluster == cluster
        }
        self.links = {link for link in self.links if {link[0], link[1]} <= there}
        self.parted = {pair for pair in self.parted if all(media in self.places for media in pair)}

    def together(self) -> set[frozenset[Media]]:
        """The parted pairs that are in one cluster."""
        return {pair for pair in self.parted if len({self.places[media].cluster for media in pair}) == 1}


class Blocked(Exception):
    """The model sees later work in the way."""


@dataclass
class Model:
    """The state, what each event found and left, and the thresholds that events chose."""

    vectors: dict[Media, np.ndarray] = field(default_factory=dict)
    state: State = field(default_factory=State)
    events: dict[int, tuple[State, State]] = field(default_factory=dict)
    thresholds: dict[int, float] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    orders: int = 0

    @property
    def threshold(self) -> float:
        """The newest choice in force."""
        return next(
            (self.thresholds[one] for one in sorted(self.thresholds, reverse=True) if one not in self.undone), THRESHOLD
        )

    def total(self, cluster: int) -> np.ndarray:
        total = np.zeros(DIMENSION)
        for media in self.state.members(cluster):
            total = total + self.vectors[media]
        return total

    def nearest(self, media: Media, clusters: list[int]) -> int | None:
        """The nearest of the clusters that reaches the threshold, the oldest of equally near ones."""
        near = [(exact_similarity(self.vectors[media], self.total(cluster)), -cluster) for cluster in clusters]
        similarity, negative = max(near, default=(0.0, 0))
        return -negative if similarity >= self.threshold else None

    def put(self, media: Media, cluster: int, event: int | None = None, *, curated: bool = False) -> None:
        self.orders += 1
        self.state.places[media] = Place(cluster, self.orders, curated, event)

    def mark(self, media: Media, event: int) -> None:
        place = self.state.places[media]
        self.state.places[media] = Place(place.cluster, place.order, True, event)

    def link(self, one: int, other: int, event: int) -> None:
        self.state.links.add((min(one, other), max(one, other), event))

    def hand_on(self, before: State, event: int, since: int = 0) -> None:
        """A group that received members has the cannot-links of their former group."""
        heirs: dict[int, set[int]] = {}
        for media, place in self.state.places.items():
            former = before.places[media].cluster
            if former != place.cluster:
                heirs.setdefault(former, {former}).add(place.cluster)
        for a, b, said in before.links & self.state.links:
            for one in heirs.get(a, {a}):
                for other in heirs.get(b, {b}):
                    if said > since and one != other and (one, other) != (a, b):
                        self.link(one, other, event)

    def restore(self, event: int) -> State:
        """The state with the event undone. Raises Blocked."""
        want, left = self.events[event]
        now = copy.deepcopy(self.state)
        for media in want.places.keys() | left.places.keys():
            if want.places.get(media) != left.places.get(media):
                if self.state.places.get(media) != left.places[media]:
                    raise Blocked(media)
                now.places[media] = want.places[media]
        self._check_clusters(want, left, now)
        self._restore_choices(want, left, now)
        now.links = (now.links - (left.links - want.links)) | (want.links - left.links)
        now.parted = (now.parted - (left.parted - want.parted)) | (want.parted - left.parted)
        now.tidy()
        return now

    def _check_clusters(self, want: State, left: State, now: State) -> None:
        vanishing = set(left.clusters()) - set(want.clusters())
        returning = set(want.clusters()) - set(left.clusters())
        if vanishing & set(now.clusters()):
            raise Blocked(vanishing)
        if set(now.clusters()) - set(self.state.clusters()) - returning:
            raise Blocked(returning)
        for cluster in vanishing:
            newly_labelled = cluster in self.state.labels and self.state.labels[cluster] != left.labels.get(cluster)
            newly_chosen = cluster in self.state.chosen and self.state.chosen[cluster] != left.chosen.get(cluster)
            if newly_labelled or newly_chosen or (cluster in self.state.locked and cluster not in left.locked):
                raise Blocked(cluster)

    def _restore_choices(self, want: State, left: State, now: State) -> None:
        staying = set(want.clusters()) & set(left.clusters())
        for cluster in want.clusters():
            if cluster not in staying:
                _take(want.labels, now.labels, cluster)
                _take(want.chosen, now.chosen, cluster)
                if cluster in want.locked:
                    now.locked.add(cluster)
                continue
            if (cluster in want.locked) != (cluster in left.locked):
                self._require(cluster)
                if (cluster in now.locked) == (cluster in left.locked):
                    now.locked ^= {cluster}
            self._restore_choice(cluster, want.labels, left.labels, now.labels)
            self._restore_choice(cluster, want.chosen, left.chosen, now.chosen)

    def _restore_choice(
        self, cluster: int, want: dict[int, Choice], left: dict[int, Choice], now: dict[int, Choice]
    ) -> None:
        if want.get(cluster) == left.get(cluster):
            return
        self._require(cluster)
        if now.get(cluster) == left.get(cluster) or cluster not in now:
            _take(want, now, cluster)
        elif cluster in left:
            raise Blocked(cluster)

    def _require(self, cluster: int) -> None:
        if cluster not in self.state.clusters():
            raise Blocked(cluster)


def _take(source: dict[int, Choice], target: dict[int, Choice], cluster: int) -> None:
    target.pop(cluster, None)
    if cluster in source:
        target[cluster] = source[cluster]


picks = st.integers(0, 10_000)


class Library(RuleBasedStateMachine):
    """The real library and the model, side by side."""

    def __init__(
        self, services: Services, space: Space, insert: Callable[..., list[uuid.UUID]], embed: Callable[..., None]
    ) -> None:
        super().__init__()
        self.services, self.space, self.insert, self.embed = services, space, insert, embed
        self.assigner = Assigner(services, space)
        self.model = Model()
        self.uploads = 0

    def teardown(self) -> None:
        self.services.database.dispose()

    # --- uploads

    @rule(seed=picks, count=st.integers(1, 6))
    def upload(self, seed: int, count: int) -> None:
        generator = np.random.default_rng(seed)
        points = np.eye(DIMENSION)[generator.integers(DIMENSION, size=count)]
        vectors = unit_rows(points + 0.45 * generator.normal(size=points.shape) / 2).astype(np.float32)
        media = self.insert(self.services.database, count, "pending", self.uploads)
        self.uploads += count
        self.embed(self.services.database, self.space, media, vectors)
        assert self.assigner.assign_waiting() == count
        real = self.real_places()
        for one, vector in zip(media, unit_rows(vectors), strict=True):
            self.model.vectors[one] = vector
            open_clusters = [
                cluster for cluster in self.model.state.clusters() if cluster not in self.model.state.locked
            ]
            joined = self.model.nearest(one, open_clusters)
            if joined is None:
                joined = real[one]
                assert joined not in self.model.state.clusters()
            self.model.put(one, joined)

    # --- operations

    def media(self, pick: int) -> Media:
        known = list(self.model.state.places)
        return known[pick % len(known)]

    def cluster(self, pick: int) -> int:
        clusters = self.model.state.clusters()
        return clusters[pick % len(clusters)]

    def some_media(self, chosen: list[int]) -> list[Media]:
        return list(dict.fromkeys(self.media(pick) for pick in chosen))

    def perform(self, operation: Operation) -> Outcome | None:
        """Do it; None where it is refused."""
        try:
            return perform(self.services, operation, actor="model")
        except UndoBlocked:
            raise
        except MediaclusterError:
            return None

    def record(self, outcome: Outcome, before: State) -> None:
        assert outcome.event_id is not None
        self.model.state.tidy()
        self.model.events[outcome.event_id] = before, copy.deepcopy(self.model.state)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=4), aim=picks)
    def move(self, chosen: list[int], aim: int) -> None:
        media, cluster, before = self.some_media(chosen), self.cluster(aim), copy.deepcopy(self.model.state)
        going = [one for one in media if before.places[one].cluster != cluster]
        outcome = self.perform(Move(media, cluster))
        assert (outcome is None) == (not going)
        if outcome is not None:
            self.take(outcome, going, cluster, before, apart=True)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=4))
    def extract(self, chosen: list[int]) -> None:
        media, before = self.some_media(chosen), copy.deepcopy(self.model.state)
        whole = set(media) == set(before.members(before.places[media[0]].cluster))
        outcome = self.perform(Extract(media))
        assert (outcome is None) == whole
        if outcome is not None:
            self.take(outcome, media, outcome.created_cluster_ids[0], before, apart=True)

    def take(self, outcome: Outcome, media: list[Media], cluster: int, before: State, *, apart: bool) -> None:
        assert outcome.event_id is not None
        for one in sorted(media, key=lambda one: before.places[one].order):
            if apart:
                self.model.link(before.places[one].cluster, cluster, outcome.event_id)
                left = set(before.members(before.places[one].cluster)) - set(media)
                self.model.state.parted |= {frozenset({one, other}) for other in left}
            self.model.put(one, cluster, outcome.event_id, curated=True)
        self.model.state.parted -= self.model.state.together()
        self.model.hand_on(before, outcome.event_id)
        self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=2), aim=picks)
    def merge(self, chosen: list[int], aim: int) -> None:
        clusters, into = {self.cluster(pick) for pick in chosen}, self.cluster(aim)
        before = copy.deepcopy(self.model.state)
        outcome = self.perform(Merge(sorted(clusters), into))
        assert (outcome is None) == (clusters == {into})
        if outcome is None or outcome.event_id is None:
            return
        for one in before.members(into):
            self.model.mark(one, outcome.event_id)
        inside = clusters | {into}
        self.model.state.links = {
            (min(pair), max(pair), event)
            for a, b, event in before.links
            if not {a, b} <= inside
            for pair in [tuple(into if end in inside else end for end in (a, b))]
        }
        going = [one for one, place in before.places.items() if place.cluster in clusters - {into}]
        self.take(outcome, going, into, before, apart=False)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=3), aim=picks)
    def split(self, chosen: list[int], aim: int) -> None:
        cluster, before = self.cluster(aim), copy.deepcopy(self.model.state)
        members = before.members(cluster)
        media = list(dict.fromkeys(members[pick % len(members)] for pick in chosen))
        outcome = self.perform(Split(cluster, media, "Half"))
        assert (outcome is None) == (len(media) == len(members))
        if outcome is None or outcome.event_id is None:
            return
        for one in members:
            self.model.mark(one, outcome.event_id)
        (new,) = outcome.created_cluster_ids
        self.model.state.labels[new] = "Half"
        self.take(outcome, media, new, before, apart=True)

    @precondition(lambda self: self.model.state.places)
    @rule(aim=picks)
    def dissolve(self, aim: int) -> None:
        cluster, before = self.cluster(aim), copy.deepcopy(self.model.state)
        apart = {end for link in before.links if cluster in link[:2] for end in link[:2]} | {cluster}
        others = [one for one in before.clusters() if one not in before.locked and one not in apart]
        homes = {media: self.model.nearest(media, others) for media in before.members(cluster)}
        outcome = self.perform(Dissolve(cluster))
        assert outcome is not None
        assert outcome.event_id is not None
        fresh = iter(outcome.created_cluster_ids)
        for media, home in homes.items():
            self.model.put(media, next(fresh) if home is None else home, outcome.event_id, curated=True)
        assert next(fresh, None) is None
        self.model.hand_on(before, outcome.event_id)
        self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=4))
    def confirm(self, chosen: list[int]) -> None:
        media, before = self.some_media(chosen), copy.deepcopy(self.model.state)
        fresh = [one for one in media if not before.places[one].curated]
        outcome = self.perform(Confirm(media))
        assert (outcome is None) == (not fresh)
        if outcome is not None and outcome.event_id is not None:
            for one in fresh:
                self.model.mark(one, outcome.event_id)
            self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(aim=picks, label=st.sampled_from(["Boats", "Trains"]))
    def rename(self, aim: int, label: str) -> None:
        cluster, before = self.cluster(aim), copy.deepcopy(self.model.state)
        outcome = self.perform(Rename(cluster, label))
        assert (outcome is None) == (before.labels.get(cluster) == label)
        if outcome is not None:
            self.model.state.labels[cluster] = label
            self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(pick=picks)
    def choose_representative(self, pick: int) -> None:
        media, before = self.media(pick), copy.deepcopy(self.model.state)
        cluster = before.places[media].cluster
        outcome = self.perform(ChooseRepresentative(cluster, media))
        assert (outcome is None) == (before.chosen.get(cluster) == media)
        if outcome is not None:
            self.model.state.chosen[cluster] = media
            self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(aim=picks)
    def lock_or_unlock(self, aim: int) -> None:
        cluster, before = self.cluster(aim), copy.deepcopy(self.model.state)
        outcome = self.perform(Unlock(cluster) if cluster in before.locked else Lock(cluster))
        assert outcome is not None
        self.model.state.locked ^= {cluster}
        self.record(outcome, before)

    @precondition(lambda self: self.model.state.places)
    @rule(chosen=st.lists(picks, min_size=1, max_size=2))
    def delete(self, chosen: list[int]) -> None:
        media = self.some_media(chosen)
        delete_media(self.services, media, actor="model")
        for one in media:
            del self.model.state.places[one]
        self.model.state.tidy()

    # --- the machine

    @precondition(lambda self: self.model.state.places)
    @rule()
    def consolidate(self) -> None:
        self.regrouped(consolidate_library(self.services, actor="machine").outcome)

    @precondition(lambda self: self.model.state.places)
    @rule(threshold=st.sampled_from([0.5, 0.7, 0.82, 0.95]))
    def apply_threshold(self, threshold: float) -> None:
        outcome = apply_threshold(self.services, threshold, actor="ann")
        assert outcome.event_id is not None
        self.model.thresholds[outcome.event_id] = threshold
        self.regrouped(outcome)

    def regrouped(self, outcome: Outcome) -> None:
        """Take over what a machine did, which may touch nothing that a curator decided."""
        if outcome.event_id is None:
            return
        before = copy.deepcopy(self.model.state)
        apart = {frozenset(link[:2]) for link in before.links}
        for media, from_, to in outcome.moved:
            assert not before.places[media].curated
            assert not {from_, to} & before.locked
            assert frozenset({from_, to}) not in apart
            assert to is not None
            self.model.put(media, to, outcome.event_id)
        survivors = set(self.model.state.clusters())
        curated = {place.cluster for place in before.places.values() if place.curated}
        assert curated | set(before.labels) | set(before.chosen) | before.locked <= survivors
        self.model.state.links = self.real_links()
        self.record(outcome, before)

    # --- undo

    def history(self, *, undoable: bool) -> list[HistoryEvent]:
        with self.services.database.transaction() as session:
            events = list_history(session, limit=1000)
        return [event for event in events if (event.undoable if undoable else event.redoable)]

    @precondition(lambda self: self.model.events)
    @rule(pick=st.integers(0, 5))
    def undo(self, pick: int) -> None:
        """One of the newest events that are in force; an undo among them is redone."""
        events = self.history(undoable=True)
        if events:
            event = events[pick % len(events)]
            self.reverse(undo, event, self.reversed_by_undo(event))

    @precondition(lambda self: self.model.events)
    @rule()
    def undo_the_newest(self) -> None:
        if events := self.history(undoable=True):
            self.reverse(undo, events[0], self.reversed_by_undo(events[0]))

    @precondition(lambda self: self.model.events)
    @rule(pick=st.integers(0, 5))
    def redo(self, pick: int) -> None:
        events = self.history(undoable=False)
        if events:
            event = events[pick % len(events)]
            assert event.undone_by is not None
            self.reverse(redo, event, event.undone_by)

    def reversed_by_undo(self, event: HistoryEvent) -> int:
        """The event whose rows are put back: the last that redid it, where there is one."""
        redone = [other.id for other in self.history(undoable=True) if other.target_event_id == event.id]
        return redone[0] if redone else event.id

    def reverse(self, how: Callable[..., Outcome], event: HistoryEvent, content: int) -> None:
        try:
            expected = self.model.restore(content)
        except Blocked:
            try:
                how(self.services, event.id, actor="model")
            except UndoBlocked:
                return
            raise AssertionError("The model sees later work in the way, the library does not.") from None
        before = copy.deepcopy(self.model.state)
        outcome = how(self.services, event.id, actor="model")
        assert outcome.event_id is not None
        self.model.state = expected
        self.model.hand_on(before, outcome.event_id, since=content)
        # An undo of an undo puts the operation in force again, as redoing does.
        back = how is redo or event.kind == UNDO
        self.model.undone = (self.model.undone | {event.target_event_id or event.id}) - (
            {event.target_event_id or event.id} if back else set()
        )
        self.record(outcome, before)

    # --- always

    def real_places(self) -> dict[Media, int]:
        with self.services.database.transaction() as session:
            return dict(session.execute(sa.text("SELECT media_id, cluster_id FROM membership")).all())

    def real_links(self) -> set[tuple[int, int, int]]:
        with self.services.database.transaction() as session:
            return set(list_cannot_links(session))

    def real_threshold(self) -> float:
        with self.services.database.transaction() as session:
            return get_threshold(session, self.space.id, self.services.settings.threshold)

    @invariant()
    def what_a_curator_parted_stays_parted(self) -> None:
        """No machine has put a pair together again, nor may one: their clusters are known to be apart."""
        state = self.model.state
        assert state.together() == set()
        apart = {frozenset(link[:2]) for link in state.links}
        assert {frozenset(state.places[media].cluster for media in pair) for pair in state.parted} <= apart

    @invariant()
    def is_as_the_model_says(self) -> None:
        state = self.model.state
        with self.services.database.transaction() as session:
            rows = session.execute(
                sa.text(
                    "SELECT id, label, label_origin, representative_media_id, representative_origin, locked FROM cluster"
                )
            ).all()
            members = read_members(session, [row.id for row in rows])
        grouped: dict[int, list[Media]] = {}
        for media, place in members.items():
            grouped.setdefault(place.cluster_id, []).append(media)
        assert grouped == {cluster: state.members(cluster) for cluster in state.clusters()}
        assert {media: place.origin == "curator" for media, place in members.items()} == {
            media: place.curated for media, place in state.places.items()
        }
        assert {row.id: row.label for row in rows if row.label_origin == "curator"} == state.labels
        assert {
            row.id: row.representative_media_id for row in rows if row.representative_origin == "curator"
        } == state.chosen
        assert {row.id for row in rows if row.locked} == state.locked
        assert self.real_links() == state.links
        assert self.real_threshold() == self.model.threshold
        assert audit(self.services.database, replay=True).breaches == {}


def test_library__whatever_is_done_to_it(
    make_database_url: Callable[[str | None], str],
    template: str,
    make_services: Callable[..., Services],
    insert_media: Callable[..., list[uuid.UUID]],
    embed_media: Callable[..., None],
    make_test_space: Callable[..., Space],
) -> None:
    def library() -> Library:
        services = make_services(database_url=SecretStr(make_database_url(template)), assign_wait_seconds=0.0)
        space = make_test_space(services.database, DIMENSION, 2)
        return Library(services, space, insert_media, embed_media)

    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], library),  # a function does, says its documentation
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
