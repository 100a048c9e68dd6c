-- An item by kind and subject, if its facts still hold (see standing).
SELECT item.*
  FROM review_item AS item
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = item.cluster_id
  LEFT JOIN centroid AS other_centroid
         ON other_centroid.space_id = :space_id AND other_centroid.cluster_id = item.other_cluster_id
 WHERE item.kind = :kind
   AND item.subject = :subject
   AND {standing}
