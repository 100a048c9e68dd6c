-- Mark pictures for deletion; where one is marked already, its keeper and its actor change.
INSERT INTO marked_for_deletion (media_id, keeper_media_id, actor)
SELECT id, :keeper, :actor
  FROM unnest(CAST(:ids AS uuid[])) AS new (id)
    ON CONFLICT (media_id) DO UPDATE SET keeper_media_id = excluded.keeper_media_id, actor = excluded.actor
