-- Last heartbeats of workers, live ones first.
SELECT worker, tasks, busy_since, tasks_done, started_at, seen_at,
       seen_at > now() - make_interval(secs => :silent_seconds) AS is_alive
  FROM worker_heartbeat
 ORDER BY is_alive DESC, worker
 LIMIT 200
