-- Groups with their members. A picture to keep has a row in near_duplicate that refers to itself.
SELECT member.keeper_media_id, media.id AS media_id, {called}, media.width, media.height,
       media.byte_size, media.mime, media.created_at, member.similarity,
       bit_count((media.perceptual_hash # kept.perceptual_hash)::bit(64)) AS hash_distance,
       member.size
  FROM unnest(CAST(:keepers AS uuid[])) AS keeper (id)
  JOIN media AS kept ON kept.id = keeper.id
 CROSS JOIN LATERAL (
       SELECT near_duplicate.*, count(*) OVER () AS size
         FROM near_duplicate
        WHERE near_duplicate.keeper_media_id = keeper.id
        ORDER BY near_duplicate.media_id <> keeper.id, similarity DESC, near_duplicate.media_id
        LIMIT :limit + 1) AS member
  JOIN media ON media.id = member.media_id
 ORDER BY member.keeper_media_id DESC, media.id <> member.keeper_media_id, member.similarity DESC, media.id
