-- Number of items by kind, of those whose facts still hold (see standing).
SELECT item.kind, count(*) AS size
  FROM review_item AS item
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = item.cluster_id
  LEFT JOIN centroid AS other_centroid
         ON other_centroid.space_id = :space_id AND other_centroid.cluster_id = item.other_cluster_id
 WHERE {standing}
 GROUP BY item.kind
