-- Record the picture to keep of each picture. Both must still exist, and are locked until the commit.
UPDATE near_duplicate
   SET space_id = :space_id,
       keeper_media_id = decided.keeper,
       similarity = decided.similarity,
       compared_at = now()
  FROM (SELECT new.media_id, new.keeper, new.similarity
          FROM unnest(CAST(:ids AS uuid[]), CAST(:keepers AS uuid[]), CAST(:similarities AS float8[]))
               AS new (media_id, keeper, similarity)
          JOIN media ON media.id = new.keeper
           FOR KEY SHARE OF media) AS decided
 WHERE near_duplicate.media_id = decided.media_id
