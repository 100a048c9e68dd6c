-- How many pictures could be compared now.
SELECT count(*)
  FROM near_duplicate
  JOIN media ON media.id = media_id
 WHERE keeper_media_id IS NULL
   AND status IN {embedded}
   AND NOT EXISTS (SELECT FROM marked_for_deletion AS marked WHERE marked.media_id = media.id)
