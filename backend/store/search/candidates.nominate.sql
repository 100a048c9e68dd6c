-- One scan of the HNSW indexes: the nearest of each leg, with exact cosines and the legs that found them. {probing} is a condition
-- on e.media_id. Each inner ORDER BY is by distance alone, because a second key would prevent the use of the index. A leg with
-- limit 0 is not scanned.
WITH image_leg AS MATERIALIZED (
  SELECT e.media_id FROM media_embedding e
   WHERE {probing}
   ORDER BY e.image_half <=> :image::vector::halfvec LIMIT :image_limit
), text_leg AS MATERIALIZED (
  SELECT e.media_id FROM media_embedding e
   WHERE e.text_embedding IS NOT NULL AND {probing}
   ORDER BY e.text_half <=> :text::vector::halfvec LIMIT :text_limit
), fused_leg AS MATERIALIZED (
  SELECT e.media_id FROM media_embedding e
   WHERE e.fused_embedding IS NOT NULL AND {probing}
   ORDER BY e.fused_embedding <#> :fused::halfvec LIMIT :fused_limit
), textless_leg AS MATERIALIZED (
  SELECT e.media_id FROM media_embedding e
   WHERE e.text_embedding IS NULL AND {probing}
   ORDER BY e.image_half <=> :image::vector::halfvec LIMIT :textless_limit
), unmeasured_leg AS MATERIALIZED (
  -- With text alone, all pictures without text are equal.
  SELECT e.media_id FROM media_embedding e
   WHERE e.text_embedding IS NULL AND {probing}
   ORDER BY e.media_id LIMIT :unmeasured_limit
), nominated AS (
  SELECT media_id, array_agg(leg) AS legs
    FROM (
      SELECT media_id, 'image' AS leg FROM image_leg
      UNION ALL SELECT media_id, 'text' FROM text_leg
      UNION ALL SELECT media_id, 'fused' FROM fused_leg
      UNION ALL SELECT media_id, 'textless' FROM textless_leg
      UNION ALL SELECT media_id, 'textless' FROM unmeasured_leg
    ) AS named
   GROUP BY media_id
)
SELECT e.media_id,
       1 - (e.image_embedding <=> :image::vector) AS sim_image,
       1 - (e.text_embedding <=> :text::vector) AS sim_text,
       nominated.legs
  FROM nominated JOIN media_embedding e USING (media_id)
