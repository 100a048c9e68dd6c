-- The nearest of all matching pictures, computed exactly. {matching} is a condition on e.media_id.
SELECT media_id, sim_image, sim_text, ARRAY['exact'] AS legs
  FROM (
    SELECT e.media_id,
           1 - (e.image_embedding <=> :image::vector) AS sim_image,
           1 - (e.text_embedding <=> :text::vector) AS sim_text
      FROM media_embedding e
     WHERE {matching}
    -- Without it, the planner repeats each distance wherever it is used.
    OFFSET 0
  ) AS measured
 ORDER BY :alpha * coalesce(sim_image, 0) + (1 - :alpha) * coalesce(sim_text, 0) DESC,
          sim_image DESC NULLS LAST, media_id
 LIMIT :k
