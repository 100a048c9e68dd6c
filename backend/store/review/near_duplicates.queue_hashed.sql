-- Queue pictures whose hash shows details for comparison.
INSERT INTO near_duplicate (media_id)
SELECT new.id
  FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS bigint[])) AS new (id, hash)
 WHERE new.hash <> 0
    ON CONFLICT (media_id) DO UPDATE SET keeper_media_id = NULL, similarity = NULL
