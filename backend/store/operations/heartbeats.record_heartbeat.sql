-- Record that a worker is alive, and since when its longest task has been running.
INSERT INTO worker_heartbeat (worker, tasks, busy_since, tasks_done, started_at)
VALUES (:worker, CAST(:tasks AS text[]), now() - make_interval(secs => CAST(:busy_seconds AS float8)), :tasks_done,
        now() - make_interval(secs => :up_seconds))
    ON CONFLICT (worker) DO UPDATE
   SET tasks = excluded.tasks,
       busy_since = excluded.busy_since,
       tasks_done = excluded.tasks_done,
       seen_at = now()
