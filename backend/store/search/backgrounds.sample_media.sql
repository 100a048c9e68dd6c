-- Random grouped pictures of a space. {share} is a TABLESAMPLE for a large table, or empty.
SELECT e.media_id, m.cluster_id, e.image_embedding AS image, e.text_embedding AS text, e.caption_embedding AS caption
  FROM (SELECT media_id FROM embedding {share} WHERE space_id = :space ORDER BY random() LIMIT :limit) AS sampled
  JOIN embedding e ON e.media_id = sampled.media_id AND e.space_id = :space
  JOIN membership m ON m.media_id = sampled.media_id
