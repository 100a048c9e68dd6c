-- Copy word counts to another space. If all labels were up to date, they still are.
INSERT INTO label_statistics (space_id, content, media_count, centroid_version, counted_at)
SELECT :target_id, content, media_count,
       CASE WHEN stored.centroid_version = source.centroid_version THEN target.centroid_version END, counted_at
  FROM label_statistics AS stored, space AS source, space AS target
 WHERE stored.space_id = :source_id AND source.id = :source_id AND target.id = :target_id
ON CONFLICT (space_id) DO UPDATE
   SET content = excluded.content, media_count = excluded.media_count, centroid_version = excluded.centroid_version,
       counted_at = excluded.counted_at
