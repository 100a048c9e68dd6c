"""Break each promise once, in a scratch copy, and see that the tests notice.

python -m scripts.mutants              # all
python -m scripts.mutants no_fencing   # by name
python -m scripts.mutants --check      # only that each mutation still fits the source

Exits 1 where a mutant survives, or does not fit any more: then somebody has changed the line that it breaks, and it has
to be written anew. Nothing in the product knows of this.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_COPIED = ("alembic", "backend", "workers", "scripts", "tests", "pyproject.toml", "alembic.ini", "README.md")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Edit:
    """Replace `old`, which stands there once, by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """One promise broken, and the test that has to fail for it."""

    name: str
    promise: str
    edits: tuple[Edit, ...]
    test: str


MUTANTS = (
    Mutant(
        "newer_schema_is_a_fault",
        "the version before stays ready after a migration",
        (
            Edit(
                "backend/features/operations/diagnosis.py",
                "    if current is not None and not knows_revision(current):\n",
                "    if False:\n",
            ),
        ),
        "tests/integration/test_migrations.py::test_newer_schema__the_version_before_stays_ready",
    ),
    Mutant(
        "faults_without_an_id",
        "the answer to what nobody expected has the request's id",
        (
            Edit(
                "backend/web/middleware/request_ids.py",
                "        self._app = AnswerUnexpected(app)\n",
                "        self._app = app\n",
            ),
            Edit("backend/web/api/app.py", "    app.add_middleware(AnswerUnexpected)\n", ""),
        ),
        "tests/integration/test_request_ids.py::test_request_id__is_in_the_answer_and_the_log_of_what_nobody_expected",
    ),
    Mutant(
        "items_that_hold_no_longer",
        "a decision is about what was shown",
        (Edit("backend/features/review/decisions.py", "dry_run=dry_run, require=require)", "dry_run=dry_run)"),),
        "tests/integration/test_review.py::test_decide__what_no_longer_holds",
    ),
    Mutant(
        "cursors_unchecked",
        "a cursor that this server did not write is refused",
        (Edit("backend/web/api/cursors.py", "if kind is int and not -_MOST <= part < _MOST:", "if False:"),),
        "tests/integration/test_review_api.py::test_cursors__malformed",
    ),
    Mutant(
        "no_fencing",
        "a worker that was stopped and comes back is refused",
        (
            Edit(
                "backend/store/media/work.py",
                "Media.lease_token == lease.token, Media.status == MediaStatus.PENDING",
                "True",
            ),
        ),
        "tests/integration/test_pipeline.py::test_record_embedded__a_worker_that_comes_back_is_refused",
    ),
    Mutant(
        "no_assigner_lock",
        "one assigner at a time",
        (
            Edit(
                "backend/store/groups/assignments.py",
                "    return bool(session.execute(text(",
                "    return True or bool(session.execute(text(",
            ),
        ),
        "tests/integration/test_assigner.py::test_assign_waiting__leaves_the_work_to_whoever_holds_the_lock",
    ),
    Mutant(
        "function_without_a_migration",
        "the SQL functions that run are those of the files",
        (Edit("backend/store/functions/nearest_clusters.sql", "ORDER BY n.similarity DESC, ", "ORDER BY "),),
        "tests/integration/test_functions.py::test_files__a_change_comes_with_a_migration",
    ),
    Mutant(
        "function_patched_in_place",
        "the SQL functions that run are those of the files",
        (
            Edit(
                "alembic/versions/0001_library.py",
                "    op.execute(as_statement(_TABLES))\n",
                '    op.execute(as_statement(_TABLES))\n    op.execute("ALTER FUNCTION nearest_clusters VOLATILE")\n',
            ),
        ),
        "tests/integration/test_functions.py::test_files__are_what_a_migrated_database_runs",
    ),
    Mutant(
        "no_unique_key",
        "the same bytes are one media",
        (
            Edit("alembic/versions/0001_library.sql", "sha256 bytea UNIQUE", "sha256 bytea"),
            Edit("backend/store/media/media.py", ".on_conflict_do_nothing(index_elements=[Media.sha256])", ""),
        ),
        "tests/integration/test_pipeline.py::test_accept__the_same_bytes_at_once_are_one_media",
    ),
    Mutant(
        "early_file_commit",
        "a file is whole and synced before it has its name",
        (
            Edit(
                "backend/files/storage/stores.py",
                "_write_synced(temporary, data)\n            temporary.replace(path)",
                "path.write_bytes(data)",
            ),
        ),
        "tests/unit/files/storage/test_storage.py::test_storage_write__is_synced_before_it_is_visible",
    ),
    Mutant(
        "row_before_file",
        "the file is durable before the row commits",
        (
            Edit(
                "backend/features/intake/intake.py",
                "    services.storage.write(key, data)\n    picture = StoredPicture(",
                "    picture = StoredPicture(",
            ),
        ),
        "tests/integration/test_pipeline.py::test_accept__a_full_disk_leaves_no_row",
    ),
    Mutant(
        "attempts_not_counted",
        "attempts are counted when a batch is claimed",
        (Edit("backend/store/media/work.claim_pending.sql", "attempts = attempts + 1", "attempts = attempts"),),
        "tests/integration/test_pipeline.py::test_claim_pending__tried_before_is_claimed_alone_and_then_quarantined",
    ),
    Mutant(
        "no_upload_order",
        "uploads become visible in their order",
        (Edit("backend/store/media/media.py", '"SELECT pg_advisory_xact_lock(:key)"', '"SELECT :key"'),),
        "tests/integration/test_pipeline.py::test_accept__uploads_at_once_become_visible_in_their_order",
    ),
    Mutant(
        "answer_forgotten",
        "the same Idempotency-Key gets the same answer",
        (
            Edit(
                "backend/web/middleware/idempotency.py",
                "        record_answer(session, claim, response.status_code or HTTPStatus.ACCEPTED, kept)",
                "        release_key(session, claim)",
            ),
        ),
        "tests/integration/test_idempotency.py::test_upload__sent_again_gets_the_same_answer",
    ),
    Mutant(
        "commit_not_looked_up",
        "an unknown outcome of a commit is looked up",
        (Edit("backend/features/intake/intake.py", "status = _find_committed(services, media_id)", "status = None"),),
        "tests/integration/test_database_loss.py::test_upload__a_commit_whose_answer_is_lost_is_looked_up",
    ),
    Mutant(
        "database_loss_unnamed",
        "losing the database is told as such, and can be tried again",
        (
            Edit(
                "backend/store/engine.py", "except (DBAPIError, psycopg.Error) as error:", "except DBAPIError as error:"
            ),
        ),
        "tests/integration/test_database_loss.py::test_transaction__a_conflict_can_be_tried_again",
    ),
    Mutant(
        "rows_not_handed_back",
        "losing the database costs no attempt",
        (Edit("backend/features/steps/leases.py", "            hand_back(services, lease)\n", ""),),
        "tests/integration/test_database_loss.py::test_rows_are_handed_back_when_the_database_was_away",
    ),
    Mutant(
        "stopped_assigner_keeps_its_lock",
        "a process that stops in the middle of a decision holds nobody up",
        (Edit("backend/store/groups/assignments.py", "    limit_idling(session, idle_seconds)\n", ""),),
        "tests/integration/test_database_loss.py::test_assigner__one_that_was_stopped_loses_its_lock",
    ),
    Mutant(
        "blind_watchdog",
        "a worker that is alive but consumes nothing is noticed",
        (
            Edit(
                "workers/watchdog.py", "        idle_seconds = now - self._idle_since\n", "        idle_seconds = 0.0\n"
            ),
        ),
        "tests/unit/workers/test_watchdog.py::test_vigil__messages_wait_and_nothing_is_taken_up",
    ),
    Mutant(
        "folder_not_synced",
        "a file that has its name survives a power cut",
        (
            Edit(
                "backend/files/storage/stores.py",
                "            temporary.unlink(missing_ok=True)\n            raise\n        _sync_folder(path.parent)\n",
                "            temporary.unlink(missing_ok=True)\n            raise\n",
            ),
        ),
        "tests/unit/files/storage/test_storage.py::test_storage_write__is_synced_before_it_is_visible",
    ),
    Mutant(
        "stopped_upload_keeps_its_place",
        "a process that stops in the row of an upload holds nobody up",
        (Edit("backend/store/media/media.py", "    limit_idling(session, _ORDER_IDLE_SECONDS)\n", ""),),
        "tests/integration/test_slow_clients.py::test_accept__a_process_that_stops_in_its_row_loses_its_place",
    ),
    Mutant(
        "lease_not_renewed",
        "a slow worker keeps its rows",
        (
            Edit(
                "backend/features/steps/leases.py",
                "lambda session: renew_lease(session, lease), lease.seconds",
                "lambda session: None, lease.seconds",
            ),
        ),
        "tests/integration/test_pipeline.py::test_embed_batch__a_slow_one_keeps_its_lease",
    ),
    Mutant(
        "stale_centroids",
        "a serial replay decides the same",
        (
            Edit(
                "backend/features/steps/assign.py",
                "if cache is None or cache.version != get_centroid_version(session, self._space.id):",
                "if cache is None:",
            ),
        ),
        "tests/integration/test_assigner.py::test_assign_waiting__two_processes_worth_of_assigners_at_once",
    ),
    Mutant(
        "replay_blind",
        "a serial replay that decides otherwise is told",
        (
            Edit(
                "backend/features/integrity/invariants.py",
                "if expected != recorded.cluster_id or counterpart != replayed:",
                "if False:",
            ),
        ),
        "tests/integration/test_assigner.py::test_audit__each_breach_is_found",
    ),
    Mutant(
        "endless_patience",
        "a client that stalls is refused",
        (
            Edit(
                "backend/web/middleware/body_limit.py",
                "asyncio.timeout(self._seconds_left())",
                "asyncio.timeout(None)",
            ),
        ),
        "tests/integration/test_slow_clients.py::test_upload__a_client_that_stalls_is_refused_and_leaves_nothing",
    ),
    Mutant(
        "endless_heads",
        "a client that does not send the head of a request is left",
        (
            Edit(
                "backend/web/middleware/heads.py",
                "if self.conn.their_state is not h11.IDLE:",
                "if True:",
            ),
        ),
        "tests/integration/test_slow_clients.py::test_head__of_the_second_request_of_a_connection",
    ),
    Mutant(
        "patience_with_drips",
        "a client that drips is refused",
        (
            Edit(
                "backend/web/middleware/body_limit.py",
                "min(self._patience_seconds, max(slowest - time.monotonic(), 0.0))",
                "self._patience_seconds",
            ),
        ),
        "tests/integration/test_slow_clients.py::test_upload__a_client_that_drips_is_refused",
    ),
    Mutant(
        "all_may_wait",
        "requests that wait leave threads for others",
        (
            Edit(
                "backend/features/intake/uploads.py",
                "not _waiting.acquire(blocking=False)",
                "not _waiting.acquire()",
            ),
        ),
        "tests/integration/test_slow_clients.py::test_upload__whoever_would_be_one_too_many_does_not_wait",
    ),
    Mutant(
        "liveness_in_a_thread",
        "a server that is busy lives",
        (Edit("backend/web/api/routes/health.py", "async def live()", "def live()"),),
        "tests/integration/test_slow_clients.py::test_health__lives_where_all_threads_are_at_work",
    ),
    Mutant(
        "url_fetched_twice",
        "with an Idempotency-Key a URL is fetched once",
        (Edit("backend/web/api/upload_answers.py", "body.media_text(), media_id=media_id)", "body.media_text())"),),
        "tests/integration/test_idempotency.py::test_upload_from_url__a_server_that_died_before_it_answered",
    ),
    Mutant(
        "key_for_any_request",
        "an Idempotency-Key stands for one request",
        (Edit("backend/store/access/idempotency.py", "if found.fingerprint != fingerprint:", "if False:"),),
        "tests/integration/test_idempotency.py::test_upload__another_request_with_the_same_key",
    ),
    Mutant(
        "dead_server_holds_its_keys",
        "a server that died holds a key for a while only",
        (Edit("backend/store/access/idempotency.py", "        if row.is_held:", "        if True:"),),
        "tests/integration/test_idempotency.py::test_upload_from_url__a_server_that_died_before_it_answered",
    ),
    Mutant(
        "claims_run_out",
        "a server that lives renews its hold",
        (Edit("backend/store/renewal.py", "                    renew(session)\n", "                    pass\n"),),
        "tests/integration/test_idempotency.py::test_upload__that_takes_long_keeps_its_key",
    ),
    Mutant(
        "uploads_need_the_broker",
        "uploads are taken in without the broker",
        (
            Edit(
                "backend/doorbell.py",
                "            return False\n        return True",
                "            raise\n        return True",
            ),
        ),
        "tests/integration/test_pipeline.py::test_broker_gone__uploads_are_taken_and_found_by_the_sweep",
    ),
    Mutant(
        "silent_sweep",
        "the sweep rings for what waits",
        (Edit("backend/features/steps/sweeper.py", "        (Work.EMBED, waiting.pending and not is_paused),\n", ""),),
        "tests/integration/test_pipeline.py::test_broker_gone__uploads_are_taken_and_found_by_the_sweep",
    ),
    Mutant(
        "first_task_in_haste",
        "a worker has time until its first task",
        (
            Edit(
                "workers/watchdog.py",
                "(self._stall_seconds if self._has_worked else self._start_seconds)",
                "self._stall_seconds",
            ),
        ),
        "tests/unit/workers/test_watchdog.py::test_vigil__before_the_first_task_it_is_given_more_time",
    ),
    Mutant(
        "broker_is_our_fault",
        "a broker that answers nobody is waited for",
        (Edit("workers/watchdog.py", "or not sight.waiting or", "or sight.waiting == 0 or"),),
        "tests/unit/workers/test_watchdog.py::test_vigil__lets_a_process_live_that_is_not_at_fault",
    ),
    Mutant(
        "mute_process_left_alone",
        "what stands still is started anew",
        (
            Edit(
                "backend/supervision.py",
                "        return time.monotonic() - since > self._mute_seconds",
                "        return False",
            ),
        ),
        "tests/integration/test_watchdog.py::test_supervisor__starts_anew_what_has_died_and_what_stands_still",
    ),
    Mutant(
        "unwatched_clock",
        "a clock that rings no more ends itself",
        (Edit("workers/celery_app.py", "    watch_clock(\n", "    (lambda *_, **__: None)(\n"),),
        "tests/integration/test_watchdog.py::test_clock__that_rings_no_more_ends_itself",
    ),
    Mutant(
        "ends_without_draining",
        "the first SIGTERM lets the API answer what is under way",
        (
            Edit(
                "backend/web/server.py",
                "        if self.should_exit:\n            self.force_exit = True\n",
                "        self.force_exit = True\n",
            ),
        ),
        "tests/integration/test_ending.py::test_serve__told_to_end_answers_what_is_under_way",
    ),
    Mutant(
        "second_signal_unheard",
        "a second SIGTERM ends the API at once",
        (
            Edit(
                "backend/web/server.py",
                "        if self.should_exit:\n            self.force_exit = True\n",
                "",
            ),
        ),
        "tests/integration/test_ending.py::test_serve__told_twice_ends_at_once",
    ),
    Mutant(
        "worker_deaf_to_the_second",
        "a second SIGTERM ends a worker at once",
        (Edit("workers/celery_app.py", "    signal.signal(signal.SIGTERM, lambda *_: end_process())\n", "    pass\n"),),
        "tests/integration/test_watchdog.py::test_worker__told_twice_to_end_ends_at_once",
    ),
    Mutant(
        "healthy_before_loaded",
        "a worker is healthy once its encoders are loaded",
        (Edit("workers/watchdog.py", "        if is_ready():", "        if True:"),),
        "tests/integration/test_watchdog.py::test_worker__is_healthy_once_its_encoders_are_loaded",
    ),
    Mutant(
        "conflicts_are_faults",
        "where two changes met it can be tried again",
        (
            Edit(
                "backend/store/engine.py",
                '_CONFLICT_STATES = {"40001", "40P01", "55P03"}',
                '_CONFLICT_STATES = {"40001"}',
            ),
        ),
        "tests/integration/test_database_loss.py::test_transaction__a_conflict_can_be_tried_again",
    ),
    Mutant(
        "pages_without_retry_after",
        "pages say when to come back",
        (
            Edit(
                "backend/web/pages/problems.py",
                '        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)\n',
                "        pass\n",
            ),
        ),
        "tests/integration/test_database_loss.py::test_admin_pages_say_so_too",
    ),
    Mutant(
        "outdated_plans_stay",
        "after a migration connections are made anew",
        (
            Edit(
                "backend/store/engine.py",
                "            if _is_outdated_plan(error.__cause__):\n                self._drop_connections()\n",
                "",
            ),
        ),
        "tests/integration/test_connections.py::test_migrate__prepared_statements_from_before_are_dropped",
    ),
    Mutant(
        "decoder_may_stall",
        "a file has only so much time",
        (
            Edit(
                "backend/files/decoding/process.py",
                "            with self._watched(self._seconds) as overran:",
                "            with self._watched(100 * self._seconds) as overran:",
            ),
        ),
        "tests/unit/files/decoding/test_decoders.py::test_decoders__a_stall_is_ended",
    ),
    Mutant(
        "decoder_memory_unbounded",
        "a file has only so much memory",
        (
            Edit(
                "backend/files/decoding/child.py",
                "        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))",
                "        pass",
            ),
        ),
        "tests/unit/files/decoding/test_decoders.py::test_decoders__memory_is_bounded",
    ),
    Mutant(
        "decoder_sees_settings",
        "a decoder sees no passwords",
        (Edit("backend/files/decoding/process.py", "env=_ENVIRONMENT | {", "env=os.environ | _ENVIRONMENT | {"),),
        "tests/unit/files/decoding/test_decoders.py::test_decoders__no_secrets_no_files",
    ),
    Mutant(
        "decoder_writes_files",
        "a decoder writes no files",
        (
            Edit(
                "backend/files/decoding/child.py",
                "(resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)",
                "(resource.RLIMIT_CORE,)",
            ),
        ),
        "tests/unit/files/decoding/test_decoders.py::test_decoders__no_secrets_no_files",
    ),
    Mutant(
        "killed_decoder_is_the_files_fault",
        "a decoder killed from outside costs a file nothing",
        (
            Edit(
                "backend/files/decoding/decoders.py",
                "            answer, blobs = self._ask_once(request, data)\n        if",
                "            raise\n        if",
            ),
        ),
        "tests/unit/files/decoding/test_decoders.py::test_decoders__killed_in_the_middle_costs_the_file_nothing",
    ),
    Mutant(
        "poison_for_ever",
        "poison is quarantined",
        (Edit("backend/features/steps/quarantine.py", "if attempts < services.settings.max_attempts:", "if True:"),),
        "tests/integration/test_poison.py::test_embed_batch__poison_is_quarantined_and_its_neighbours_pass",
    ),
    Mutant(
        "unreadable_original_stops_all",
        "an original that cannot be read stops no other",
        (
            Edit(
                "backend/features/steps/quarantine.py",
                "        raise FileUnreadable(",
                "        raise error\n        raise FileUnreadable(",
            ),
        ),
        "tests/integration/test_poison.py::test_embed_batch__an_original_that_cannot_be_read_stops_no_other",
    ),
    Mutant(
        "storage_loss_counts",
        "a storage that gives nothing out costs no attempt",
        (Edit("backend/features/steps/quarantine.py", "            storage.check()", "            pass"),),
        "tests/integration/test_poison.py::test_embed_batch__a_storage_that_gives_nothing_out_costs_no_file_an_attempt",
    ),
    Mutant(
        "words_need_the_picture",
        "words that change are embedded anew without the picture",
        (Edit("backend/features/steps/fill.py", "if item.is_embedded:", "if False:"),),
        "tests/integration/test_spaces.py::test_rewrite__words_need_no_picture",
    ),
    Mutant(
        "edits_use_up_attempts",
        "an edit while a picture is being embedded costs no attempt",
        (Edit("backend/store/media/work.py", "sa.func.greatest(Media.attempts - 1, 0)", "Media.attempts"),),
        "tests/integration/test_rewrite.py::test_rewrite__while_it_is_being_embedded_costs_no_attempt",
    ),
    Mutant(
        "poison_beside_others",
        "what was tried before is tried alone",
        (
            Edit(
                "backend/store/media/work.claim_pending.sql",
                " AND NOT EXISTS (SELECT FROM next WHERE attempts > 0)",
                "",
            ),
        ),
        "tests/integration/test_pipeline.py::test_claim_pending__tried_before_is_claimed_alone_and_then_quarantined",
    ),
    Mutant(
        "any_marker_ends_a_jpeg",
        "a JPEG that is not decoded has to end with its end",
        (
            Edit(
                "backend/files/formats/jpeg.py",
                "if not end or data[end.end() - 1] != _EOI:",
                "if not end:",
            ),
        ),
        "tests/unit/files/formats/test_jpeg.py::test_inspect_picture__a_damaged_jpeg_is_judged_as_if_it_were_decoded",
    ),
    Mutant(
        "fuzz_takes_any_answer",
        "a file that was refused unseen is a violation",
        (
            Edit(
                "scripts/fuzz/uploading.py",
                'if code not in REFUSALS | {"taken"} or answer.status_code >= 500:',
                "if answer.status_code >= 500:",
            ),
        ),
        "tests/integration/test_fuzz.py::test_zoo__a_refusal_before_the_door_is_a_violation",
    ),
    Mutant(
        "full_disk_unnamed",
        "a full disk is told as such",
        (
            Edit(
                "backend/files/storage/storage.py",
                "FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})",
                "FULL: Final = frozenset({errno.EDQUOT})",
            ),
        ),
        "tests/unit/files/storage/test_storage.py::test_storage_write__errors_of_the_disk",
    ),
    Mutant(
        "full_database_unnamed",
        "a full disk of the database is told as such",
        (Edit("backend/store/engine.py", '_DISK_FULL = "53100"', '_DISK_FULL = "x"'),),
        "tests/integration/test_full_disk.py::test_transaction__full_disk_of_the_database",
    ),
    Mutant(
        "half_written_stays",
        "a write that fails leaves nothing",
        (
            Edit(
                "backend/files/storage/stores.py",
                "        except BaseException:\n            temporary.unlink(missing_ok=True)\n            raise",
                "        except BaseException:\n            raise",
            ),
        ),
        "tests/unit/files/storage/test_storage.py::test_storage_write__full_disk_leaves_nothing",
    ),
    Mutant(
        "full_disk_counts",
        "a full disk costs no attempt",
        (
            Edit(
                "backend/features/steps/leases.py",
                "NOT_THE_FILES_FAULT = (BackendUnavailable, StorageFull, ConfigurationError)",
                "NOT_THE_FILES_FAULT = (BackendUnavailable, ConfigurationError)",
            ),
        ),
        "tests/integration/test_pipeline.py::test_embed_batch__a_full_disk_costs_no_attempt",
    ),
    Mutant(
        "read_only_is_a_fault",
        "a storage that takes no writes can be asked again",
        (
            Edit(
                "backend/files/storage/storage.py",
                "            raise self._unavailable(error) from error\n        except Exception",
                "            raise\n        except Exception",
            ),
        ),
        "tests/integration/test_full_disk.py::test_upload__read_only_disk",
    ),
    Mutant(
        "repair_in_haste",
        "young files are left alone",
        (Edit("backend/features/integrity/files.py", " and found.modified_at < settled", ""),),
        "tests/integration/test_repair.py::test_repair__files_that_no_media_has",
    ),
    Mutant(
        "repair_blind_to_orphans",
        "files of nobody are found",
        (Edit("backend/features/integrity/files.py", "and sha256 not in held and", "and False and"),),
        "tests/integration/test_repair.py::test_repair__files_that_no_media_has",
    ),
    Mutant(
        "repair_blind_to_losses",
        "lost originals are found",
        (
            Edit(
                "backend/features/integrity/files.py",
                "                without_original.append(row)",
                "                pass",
            ),
        ),
        "tests/integration/test_repair.py::test_repair__lost_originals",
    ),
    Mutant(
        "broken_change_leaves_media_aside",
        "a change of model that is killed leaves groups as they were",
        (
            Edit(
                "backend/features/steps/sweeper.py",
                "if space is not None and take_abandoned_changes(session):",
                "if space is None:",
            ),
        ),
        "tests/integration/test_change_of_model.py::test_activate__killed_after_media_were_set_aside",
    ),
    Mutant(
        "import_loses_originals",
        "what is imported while the same bytes are deleted is kept",
        (Edit("backend/features/transfer/imports.py", "    _keep_files(services, new, pictures)\n", ""),),
        "tests/integration/test_bulk.py::test_import_embeddings__whose_bytes_are_deleted_at_the_same_time",
    ),
    Mutant(
        "set_aside_is_given_up",
        "repair and backup complain of no original that was given up",
        (
            Edit(
                "backend/store/integrity/repair.py",
                "(OriginalMissing.code, NotInSpace.code)",
                "(OriginalMissing.code,)",
            ),
        ),
        "tests/integration/test_repair.py::test_repair__lost_originals_of_what_has_failed_already",
    ),
    Mutant(
        "backup_spoils_the_one_before",
        "an interrupted backup leaves the one before as it was",
        (
            Edit(
                "backend/features/backup/saving.py",
                'f"database-{run}.dump", f"{SUMS}-{run}"',
                'f"database-{run}.dump", SUMS',
            ),
        ),
        "tests/integration/test_backup.py::test_backup__interrupted_leaves_the_one_before",
    ),
    Mutant(
        "backup_for_everybody",
        "a backup is readable for its owner alone",
        (Edit("backend/features/backup/places.py", "            os.fchmod(file.fileno(), _OWNER_ONLY)\n", ""),),
        "tests/integration/test_backup.py::test_backup__the_database_is_for_the_owner_alone",
    ),
    Mutant(
        "backup_of_two_moments",
        "dump and list of originals are of one moment",
        (Edit("backend/features/backup/saving.py", ', f"--snapshot={snapshot.name}"]', "]"),),
        "tests/integration/test_backup.py::test_backup__dump_and_list_are_of_one_moment",
    ),
    Mutant(
        "backup_unchecked",
        "what is saved is compared with its checksum",
        (Edit("backend/features/backup/saving.py", "if hashlib.sha256(data).hexdigest() != sha256:", "if False:"),),
        "tests/integration/test_backup.py::test_backup__lost_and_damaged_originals_are_told",
    ),
    Mutant(
        "restore_unchecked",
        "what is restored is compared with its checksum",
        (
            Edit(
                "backend/features/backup/restoration.py",
                "        if hashlib.sha256(data).hexdigest() != one.sha256:",
                "        if False:",
            ),
        ),
        "tests/integration/test_backup.py::test_restore__damage_is_found",
    ),
    Mutant(
        "restore_trusts_what_is_there",
        "restoring trusts no file that is there already",
        (
            Edit(
                "backend/features/backup/restoration.py",
                "    return storage.exists(one.name) and",
                "    return storage.exists(one.name) or",
            ),
        ),
        "tests/integration/test_backup.py::test_restore__over_files_that_are_there_already",
    ),
    Mutant(
        "restore_over_a_library",
        "nothing is restored over a library",
        (
            Edit(
                "backend/features/backup/restoration.py",
                "    if contents := list_contents(session):",
                "    if contents := []:",
            ),
        ),
        "tests/integration/test_backup.py::test_restore__into_what_is_not_empty",
    ),
    Mutant(
        "former_thumbnails_forgotten",
        "repair and deletion know the thumbnails of earlier versions",
        (
            Edit(
                "backend/files/storage/thumbnail_files.py",
                "    return None if THUMBNAIL_FORMATS[size] == WEBP else thumbnail_key(sha256, size, WEBP.extension)",
                "    return None",
            ),
        ),
        "tests/integration/test_repair.py::test_repair__thumbnails_of_an_earlier_version_are_kept",
    ),
    Mutant(
        "thumbnails_outlive",
        "what is deleted is gone",
        (Edit("backend/store/media/files.py", "*chain.from_iterable(possible_keys(file.sha256))", "*()"),),
        "tests/integration/test_deletion.py::test_delete_media__vectors_files_thumbnails_and_memberships",
    ),
    Mutant(
        "late_thumbnails_stay",
        "a worker leaves no file of what was deleted meanwhile",
        (
            Edit(
                "backend/features/steps/embed.py",
                "        remove_unheld_files(services.database, services.storage, lost)",
                "        pass",
            ),
        ),
        "tests/integration/test_deletion.py::test_delete_media__before_a_worker_writes_its_thumbnails",
    ),
    Mutant(
        "request_id_stays_behind",
        "a request can be followed into the workers",
        (Edit("backend/features/steps/embed.py", "with request_bound(media.request_id), watch", "with watch"),),
        "tests/integration/test_request_ids.py::test_failure_in_a_worker__names_the_request",
    ),
    Mutant(
        "metrics_lie",
        "metrics say what waits",
        (
            Edit(
                "backend/store/media/work.py",
                "            sa.func.count().filter(Media.status == MediaStatus.PENDING, claimable),",
                "            sa.func.count().filter(sa.false()),",
            ),
        ),
        "tests/integration/test_metrics.py::test_metrics__follow_the_database",
    ),
    Mutant(
        "always_ready",
        "health tells the truth",
        (
            Edit(
                "backend/web/api/routes/health.py", "healthy = all(finding.ok for finding in needed)", "healthy = True"
            ),
        ),
        "tests/integration/test_database_loss.py::test_every_operation_says_that_it_can_be_tried_again",
    ),
    Mutant(
        "open_to_the_network",
        "outside loopback nobody serves without keys",
        (
            Edit(
                "backend/cli/servers.py",
                'if settings.authentication != "keys" and not is_loopback(settings.api_host):',
                "if False:",
            ),
        ),
        "tests/integration/test_api_keys.py::test_require_safe_address",
    ),
    Mutant(
        "any_host",
        "on loopback a server answers to its own names",
        (
            Edit(
                "backend/web/middleware/hosts.py",
                "        if is_loopback(name) or name in self._names:",
                "        if True:",
            ),
        ),
        "tests/integration/test_accounts.py::test_hosts__only_our_own_names",
    ),
    Mutant(
        "keys_in_clear",
        "keys are kept as hashes",
        (
            Edit(
                "backend/cli/keys.py",
                "insert_api_key(session, name, hash_token(token),",
                "insert_api_key(session, name, token.encode(),",
            ),
        ),
        "tests/integration/test_api_keys.py::test_create_key__only_the_hash_is_kept",
    ),
    Mutant(
        "narrow_keys_do_all",
        "a key does what its scope allows",
        (
            Edit(
                "backend/web/middleware/authentication.py",
                "    if not scope.includes(needed):\n        return _Verdict(origin_allowed=shown, refusal=_too_narrow",
                "    if False:\n        return _Verdict(origin_allowed=shown, refusal=_too_narrow",
            ),
        ),
        "tests/integration/test_api_keys.py::test_authentication__scopes",
    ),
    Mutant(
        "revoked_keys_live",
        "a key is revoked at once",
        (Edit("backend/store/access/api_keys.py", ", ApiKey.revoked_at.is_(None)", ""),),
        "tests/integration/test_api_keys.py::test_authentication__revoked_at_once",
    ),
    Mutant(
        "pages_for_strangers",
        "every page asks for a session",
        (
            Edit(
                "backend/web/pages/signing_in.py",
                "        if visitor is None:\n            await",
                "        if False:\n            await",
            ),
        ),
        "tests/integration/test_accounts.py::test_every_page_asks",
    ),
    Mutant(
        "session_idles_for_ever",
        "a session that idles ends",
        (
            Edit(
                "backend/store/access/accounts.py",
                "        .where(AccountSession.expires_at > func.now())\n        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))\n    ).one_or_none()",
                "        .where(AccountSession.expires_at > func.now())\n    ).one_or_none()",
            ),
        ),
        "tests/integration/test_accounts.py::test_session__ends",
    ),
    Mutant(
        "session_for_ever",
        "every session ends",
        (
            Edit(
                "backend/store/access/accounts.py",
                "        .where(AccountSession.expires_at > func.now())\n        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))\n    ).one_or_none()",
                "        .where(AccountSession.last_seen_at > func.now() - _seconds(idle_seconds))\n    ).one_or_none()",
            ),
        ),
        "tests/integration/test_accounts.py::test_session__ends",
    ),
    Mutant(
        "old_session_stays",
        "a login ends the session before",
        (
            Edit(
                "backend/features/access/logins.py",
                "        delete_session_by_token(session, hash_secret(browser.old_secret))",
                "        pass",
            ),
        ),
        "tests/integration/test_accounts.py::test_login__a_new_session_each_time",
    ),
    Mutant(
        "logout_keeps_the_session",
        "who logs out is out",
        (Edit("backend/features/access/sessions.py", "            delete_session(session, visitor.session_id)\n", ""),),
        "tests/integration/test_accounts.py::test_logout__ends_the_session_itself",
    ),
    Mutant(
        "curators_run_the_library",
        "pages of operation are for admins",
        (
            Edit(
                "backend/web/pages/signing_in.py",
                "    if not visitor.is_admin and is_for_admins(path):",
                "    if False:",
            ),
        ),
        "tests/integration/test_accounts.py::test_roles__pages_for_admins",
    ),
    Mutant(
        "guesses_for_an_account",
        "wrong passwords are counted for an account",
        (Edit("backend/store/access/logins.py", "[_wait(session, LoginAttempt.account_name == account_name), ", "["),),
        "tests/integration/test_accounts.py::test_login__an_account_from_many_addresses",
    ),
    Mutant(
        "guesses_from_an_address",
        "wrong passwords are counted for an address",
        (Edit("backend/store/access/logins.py", ", _wait(session, LoginAttempt.network == network)]", "]"),),
        "tests/integration/test_accounts.py::test_login__five_wrong_passwords",
    ),
    Mutant(
        "guesses_at_once",
        "guesses at once are counted",
        (
            Edit(
                "backend/store/access/logins.py",
                '    session.execute(text("LOCK TABLE login_attempt IN SHARE ROW EXCLUSIVE MODE"))\n',
                "",
            ),
        ),
        "tests/integration/test_accounts.py::test_login__guesses_at_once_are_counted",
    ),
    Mutant(
        "unknown_names_are_faster",
        "an unknown name costs as much time",
        (Edit("backend/features/access/passwords.py", "password_hash or _nobodys_hash()", 'password_hash or ""'),),
        "tests/integration/test_accounts.py::test_login__one_hash_is_computed_whatever_is_wrong",
    ),
    Mutant(
        "link_works_twice",
        "a login link works once",
        (
            Edit(
                "backend/store/access/logins.py",
                "        delete(LoginLink).where(LoginLink.token_sha256 == token_sha256).returning(LoginLink.account_id)",
                "        select(LoginLink.account_id).where(LoginLink.token_sha256 == token_sha256)",
            ),
        ),
        "tests/integration/test_accounts.py::test_link__once",
    ),
    Mutant(
        "link_for_ever",
        "a login link runs out",
        (
            Edit(
                "backend/store/access/logins.py",
                "    session.execute(delete(LoginLink).where(LoginLink.expires_at <= func.now()))\n",
                "",
            ),
        ),
        "tests/integration/test_accounts.py::test_link__too_old",
    ),
    Mutant(
        "no_csrf_token",
        "unsafe requests carry the token of their session",
        (
            Edit(
                "backend/web/pages/signing_in.py",
                '    if is_csrf_token(read_secret(scope) or "", given):',
                "    if True:",
            ),
        ),
        "tests/integration/test_accounts.py::test_csrf__the_token_of_the_session",
    ),
    Mutant(
        "login_from_elsewhere",
        "nobody is logged in from another site",
        (
            Edit(
                "backend/web/pages/guard.py",
                '        return fetch_site not in {"same-origin", "none"}',
                "        return False",
            ),
        ),
        "tests/integration/test_accounts.py::test_login__from_another_site",
    ),
    Mutant(
        "passwords_in_clear",
        "passwords are kept as hashes",
        (
            Edit(
                "backend/features/access/passwords.py",
                "        return _hasher.hash(_normal(password))",
                "        return password",
            ),
        ),
        "tests/integration/test_accounts.py::test_accounts__only_hashes_are_kept",
    ),
    Mutant(
        "values_in_logs",
        "no log tells the values of a refused row",
        (Edit("backend/redaction.py", '        if "DETAIL:" in words:', "        if False:"),),
        "tests/integration/test_security.py::test_logs__hold_no_values_of_a_row_that_was_refused",
    ),
    Mutant(
        "secrets_in_logs",
        "no log tells secrets of the settings",
        (
            Edit(
                "backend/logs.py",
                "        return self._redact(super().format(record))",
                "        return super().format(record)",
            ),
        ),
        "tests/unit/test_redaction.py::test_logs__have_no_secret_of_the_settings",
    ),
    Mutant(
        "forged_lines",
        "nobody writes lines into the log",
        (
            Edit(
                "backend/logs.py",
                '        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)',
                "        return line",
            ),
        ),
        "tests/unit/test_logs.py::test_text__is_one_line_whatever_others_call_their_paths",
    ),
    Mutant(
        "addresses_told",
        "where servers are is not told over the network",
        (
            Edit(
                "backend/web/middleware/problems.py",
                "return problem_response(status, error.code, error.detail, error.hint, **error.context)",
                "return problem_response(status, error.code, error.full_detail, error.hint, **error.context)",
            ),
        ),
        "tests/integration/test_database_loss.py::test_every_operation_says_that_it_can_be_tried_again",
    ),
    Mutant(
        "places_in_json",
        "places are for admins, in JSON",
        (
            Edit(
                "backend/web/api/schemas/schemas.py",
                'own |= {"exif": without_place(media.exif), "source_uri"',
                'own |= {"source_uri"',
            ),
        ),
        "tests/integration/test_security.py::test_places__are_for_admins",
    ),
    Mutant(
        "places_in_sidecars",
        "places are for admins, also those that Google Takeout puts beside a picture",
        (
            Edit(
                "backend/files/folders/sidecars.py",
                '        "taken_at": _moment(record["photoTakenTime"]),',
                '        "taken_at": _moment(record["photoTakenTime"]), "location": str(record.get("geoData")),',
            ),
        ),
        "tests/integration/test_security.py::test_places__from_google_takeout_too",
    ),
    Mutant(
        "addresses_whole",
        "addresses that let others fetch a picture are for admins",
        (
            Edit(
                "backend/web/api/places.py",
                "return without_credentials(source_uri) if source_uri and is_web else source_uri",
                "return source_uri",
            ),
        ),
        "tests/integration/test_security.py::test_addresses__that_let_others_fetch_are_for_admins",
    ),
    Mutant(
        "places_on_pages",
        "places are for admins, on pages",
        (
            Edit(
                "backend/web/pages/routes/media.py",
                "exif=media.exif if places else without_place(media.exif)",
                "exif=media.exif",
            ),
        ),
        "tests/integration/test_security.py::test_places__are_for_admins",
    ),
    Mutant(
        "places_in_originals",
        "places are for admins, in originals",
        (Edit("backend/web/api/routes/media.py", "        require_no_place(media.exif, content)", "        pass"),),
        "tests/integration/test_security.py::test_places__are_for_admins",
    ),
    Mutant(
        "places_in_xmp",
        "places are for admins, in XMP",
        (Edit("backend/web/api/places.py", " or says_place(original)", ""),),
        "tests/integration/test_security.py::test_places__in_xmp_too",
    ),
    Mutant(
        "metadata_in_thumbnails",
        "thumbnails carry no metadata",
        (
            Edit(
                "backend/files/decoding/thumbnails.py",
                '"exif": b"", "xmp": b"", "icc_profile": b"", "comment": b""',
                '"exif": image.getexif().tobytes(), "icc_profile": image.info.get("icc_profile", b"")',
            ),
        ),
        "tests/unit/files/decoding/test_thumbnails.py::test_make_thumbnails__no_metadata",
    ),
    Mutant(
        "originals_run",
        "originals are attachments",
        (
            Edit(
                "backend/web/api/routes/media.py",
                '| {"Content-Disposition": f\'attachment; filename="{media_id}.{extension}"\'}',
                "",
            ),
        ),
        "tests/integration/test_security.py::test_original__is_nothing_to_run",
    ),
    Mutant(
        "body_uncounted",
        "a request is counted while it streams in",
        (
            Edit(
                "backend/web/middleware/body_limit.py",
                "        if self._seen_bytes > self._max_bytes:",
                "        if False:",
            ),
        ),
        "tests/integration/test_api.py::test_upload__larger_than_a_request_may_be",
    ),
    Mutant(
        "no_rate_limit",
        "uploads are limited for each key",
        (
            Edit(
                "backend/web/middleware/rate_limit.py",
                "        if not (seconds := buckets.take(caller)):",
                "        if not (seconds := 0):",
            ),
        ),
        "tests/integration/test_security.py::test_rate_limit__each_key_has_its_own",
    ),
    Mutant(
        "roots_unchecked",
        "folders are imported below the roots only",
        (Edit("backend/files/folders/folders.py", "    if not inside:\n", "    if False:\n"),),
        "tests/integration/test_security.py::test_import_folder__below_the_roots_and_no_link_leads_out",
    ),
    Mutant(
        "links_lead_out",
        "no link leads out of the roots",
        (
            Edit(
                "backend/files/folders/folders.py",
                "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
                "os.O_RDONLY | os.O_NONBLOCK",
            ),
        ),
        "tests/unit/files/folders/test_folders.py::test_open_inside_roots__a_link_put_there_after_the_check",
    ),
    Mutant(
        "addresses_unchecked",
        "only addresses on the Internet are asked",
        (
            Edit(
                "backend/files/outbound/addresses.py",
                "        if not is_allowed(address, policy):",
                "        if not is_allowed(address, policy) and len(addresses) > 99:",
            ),
        ),
        "tests/unit/files/outbound/test_fetch.py::test_fetch_url__redirects_are_checked_again",
    ),
    Mutant(
        "name_resolved_twice",
        "the address that was checked is asked",
        (
            Edit(
                "backend/files/outbound/connection.py",
                "self._backend.connect_tcp(str(address), port,",
                "self._backend.connect_tcp(host, port,",
            ),
        ),
        "tests/unit/files/outbound/test_fetch.py::test_fetch_url__name_is_resolved_once",
    ),
    Mutant(
        "hidden_addresses",
        "addresses in addresses are checked",
        (
            Edit(
                "backend/files/outbound/addresses.py",
                "        return all(is_allowed(inner, policy) for inner in hidden)",
                "        return True",
            ),
        ),
        "tests/unit/files/outbound/test_addresses.py::test_is_allowed__private",
    ),
    Mutant(
        "webhooks_anywhere",
        "webhooks go to the Internet only",
        (
            Edit(
                "backend/files/outbound/post.py",
                "        addresses = resolve_allowed(host_of(parsed), port_of(parsed), policy, deadline.remaining_seconds())",
                "        import ipaddress; addresses = (ipaddress.ip_address(host_of(parsed)),)",
            ),
        ),
        "tests/integration/test_security.py::test_webhooks__checked_at_each_delivery",
    ),
    Mutant(
        "log_can_be_changed",
        "the audit log cannot be changed",
        (
            Edit(
                "alembic/versions/0001_library.sql",
                "BEFORE UPDATE OR DELETE ON audit_log",
                "BEFORE DELETE ON audit_log",
            ),
        ),
        "tests/integration/test_accounts.py::test_audit_log__is_append_only",
    ),
    Mutant(
        "act_unnoted",
        "what admins do is noted",
        (
            Edit(
                "backend/features/access/accounts.py",
                "        record_act(session, actor, Act.PASSWORD_CHANGED, account.name)\n",
                "",
            ),
        ),
        "tests/integration/test_acts.py::test_who_did_what_is_noted_by_every_route_that_changes_something",
    ),
)


def apply(mutant: Mutant, root: Path) -> None:
    """Make the edits below `root`. Raises ValueError where one does not fit."""
    for edit in mutant.edits:
        path = root / edit.path
        source = path.read_text(encoding="utf-8")
        if source.count(edit.old) != 1:
            raise ValueError(f"{mutant.name}: {edit.old!r} stands {source.count(edit.old)} times in {edit.path}")
        path.write_text(source.replace(edit.old, edit.new), encoding="utf-8")


def run(mutant: Mutant) -> list[str]:
    """The tests that failed for the mutant: none where it survived."""
    with tempfile.TemporaryDirectory(prefix="mediacluster-mutant-") as folder:
        scratch = Path(folder)
        copy_source(scratch)
        apply(mutant, scratch)
        # From the copy's folder, which comes before the installed package on the path.
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("MEDIACLUSTER_", "PYTEST_"))
        }
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "pytest", mutant.test, "-x", "-q", "-p", "no:cacheprovider", "-n", "0"],
            cwd=scratch,
            env=environ | {"PYTHONPATH": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{mutant.name}: pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return _FAILED.findall(done.stdout)


def copy_source(scratch: Path) -> None:
    """A copy of all that the tests need."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, scratch / name)


def main() -> int:
    """Run those that are named, print who noticed what, return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, where none is named")
    parser.add_argument("--check", action="store_true", help="only see that each still fits")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant.name in arguments.names]
    if len(chosen) < len(set(arguments.names)):
        parser.error(f"known are {', '.join(mutant.name for mutant in MUTANTS)}")
    return _check(chosen) if arguments.check else _run_all(chosen)


def _check(mutants: Iterable[Mutant]) -> int:
    for mutant in mutants:
        with tempfile.TemporaryDirectory() as folder:
            for edit in mutant.edits:
                (Path(folder) / edit.path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / edit.path, Path(folder) / edit.path)
            apply(mutant, Path(folder))
    return 0


def _run_all(mutants: Iterable[Mutant]) -> int:
    survivors = 0
    for mutant in mutants:
        begun = time.monotonic()
        noticed = run(mutant)
        survivors += not noticed
        verdict = f"noticed by {', '.join(noticed)}" if noticed else f"SURVIVED {mutant.test}"
        print(f"{mutant.name} ({mutant.promise}): {verdict}, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{survivors} survived")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
