-- The nearest of all matching captions, computed exactly. {matching} is a condition on e.media_id.
SELECT media_id, similarity
  FROM (
    SELECT e.media_id, 1 - (e.caption_embedding <=> :image::vector) AS similarity
      FROM media_embedding e
     WHERE e.caption_embedding IS NOT NULL AND {matching}
    -- Without it, the planner might use the index, which is not exact.
    OFFSET 0
  ) AS measured
 ORDER BY similarity DESC, media_id
 LIMIT :k
