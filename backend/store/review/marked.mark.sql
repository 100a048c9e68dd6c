-- Mark pictures for deletion. For a marked one, replace the picture to keep and the actor.
INSERT INTO marked_for_deletion (media_id, keeper_media_id, actor)
SELECT id, :keeper, :actor
  FROM unnest(CAST(:ids AS uuid[])) AS new (id)
    ON CONFLICT (media_id) DO UPDATE SET keeper_media_id = excluded.keeper_media_id, actor = excluded.actor
