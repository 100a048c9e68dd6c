-- A page of items whose facts still hold (see standing).
SELECT item.kind, item.subject, item.urgency, item.figures, item.media_id, media.title, media.caption,
       media.file_name,
       item.cluster_id, cluster.label, centroid.member_count AS size, cluster.representative_media_id,
       other_centroid.cluster_id AS other_cluster_id, other.label AS other_label,
       other_centroid.member_count AS other_size, other.representative_media_id AS other_representative_media_id
  FROM review_item AS item
  JOIN cluster ON cluster.id = item.cluster_id
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = item.cluster_id
  LEFT JOIN cluster AS other ON other.id = item.other_cluster_id
  LEFT JOIN centroid AS other_centroid
         ON other_centroid.space_id = :space_id AND other_centroid.cluster_id = item.other_cluster_id
  LEFT JOIN media ON media.id = item.media_id
 WHERE item.kind = :kind
   AND (CAST(:urgency AS float8) IS NULL
        OR item.urgency < :urgency
        OR (item.urgency = :urgency AND item.subject > CAST(:subject AS text)))
   AND {standing}
 ORDER BY item.urgency DESC, item.subject
 LIMIT :limit
