"""The scope that each operation requires. A test fails if an operation is missing here."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount, compile_path

from backend.store.access import Scope

PUBLIC = frozenset({"health_live", "health_ready", "get_widget"})
"""Operations that require no key."""

SCOPES = {
    operation_id: scope
    for scope, operation_ids in {
        Scope.READ: (
            "list_media",
            "find_known_media",
            "get_media",
            "get_thumbnail",
            "get_original",
            "list_similar_media",
            "get_alpha_insight",
            "search",
            "search_by_form",
            "search_by_body",
            "list_clusters",
            "get_cluster",
            "propose_split",
            "list_history",
            "list_review",
            "list_near_duplicates",
            "list_exact_copies",
            "list_judgements",
            "get_metrics",
        ),
        Scope.UPLOAD: ("upload_media", "upload_media_from_url", "retry_media"),
        Scope.CURATE: (
            "change_media_text",
            "rename_cluster",
            "choose_representative",
            "lock_cluster",
            "unlock_cluster",
            "merge_clusters",
            "split_cluster",
            "dissolve_cluster",
            "move_media",
            "extract_media",
            "confirm_media",
            "delete_media",
            "delete_one_media",
            "undo_event",
            "redo_event",
            "decide_review",
            "take_back_review_decision",
            "decide_near_duplicates",
            "judge_hit",
            "take_back_judgements",
            "keep_judged_picture",
        ),
        Scope.ADMIN: ("import_folder", "create_webhook", "list_webhooks", "delete_webhook"),
    }.items()
    for operation_id in operation_ids
}


def scope_of_operation(operation_id: str) -> Scope | None:
    """The scope that an operation requires, None if none. Operations missing above require the admin scope."""
    return None if operation_id in PUBLIC else SCOPES.get(operation_id, Scope.ADMIN)


@dataclass(frozen=True)
class _Rule:
    """The scope of the paths that match `path`, for some methods. `methods` is None for all."""

    path: re.Pattern[str]
    methods: Collection[str] | None
    scope: Scope | None


class ScopeTable:
    """The scope of each path of an application, to authorize requests before their body is read."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._rules = list(_make_rules(routes))

    def scope_of(self, method: str, path: str) -> Scope | None:
        """The scope that a request requires, None if none. Unknown paths require read for GET and HEAD, and admin otherwise."""
        for rule in self._rules:
            if (rule.methods is None or method in rule.methods) and rule.path.match(path):
                return rule.scope
        return Scope.READ if method in {"GET", "HEAD"} else Scope.ADMIN


def _make_rules(routes: Sequence[BaseRoute]) -> Iterator[_Rule]:
    for found in iter_route_contexts(routes):
        if isinstance(found.route, Mount):
            # The admin pages authenticate by session, not by key.
            yield _Rule(re.compile(re.escape(found.route.path) + "(/|$)"), None, None)
        elif found.path is not None and found.methods:
            # The documentation of the API (its pages have no operation id) requires any key.
            operation_id = getattr(found, "operation_id", None)
            scope = Scope.READ if operation_id is None else scope_of_operation(operation_id)
            yield _Rule(compile_path(found.path)[0], found.methods, scope)
