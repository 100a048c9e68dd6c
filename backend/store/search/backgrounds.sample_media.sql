-- Pictures of a space drawn at random among those that have a group. {share}: a TABLESAMPLE of a large table, or nothing.
SELECT e.media_id, m.cluster_id, e.image_embedding AS image, e.text_embedding AS text, e.caption_embedding AS caption
  FROM (SELECT media_id FROM embedding {share} WHERE space_id = :space ORDER BY random() LIMIT :limit) AS sampled
  JOIN embedding e ON e.media_id = sampled.media_id AND e.space_id = :space
  JOIN membership m ON m.media_id = sampled.media_id
