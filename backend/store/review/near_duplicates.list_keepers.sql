-- Pictures to keep that have near-duplicates, newest first.
SELECT DISTINCT keeper_media_id
  FROM near_duplicate
 WHERE media_id <> keeper_media_id
   AND (CAST(:before AS uuid) IS NULL OR keeper_media_id < :before)
 ORDER BY keeper_media_id DESC
 LIMIT :limit
