-- Items by kind; the conditions are those of list_items.
SELECT item.kind, count(*) AS count
  FROM review_item AS item
  JOIN centroid ON centroid.space_id = :space_id AND centroid.cluster_id = item.cluster_id
  LEFT JOIN centroid AS other_centroid
         ON other_centroid.space_id = :space_id AND other_centroid.cluster_id = item.other_cluster_id
 WHERE true
   AND CASE item.kind
         WHEN 'merge_candidate' THEN other_centroid.cluster_id IS NOT NULL
         WHEN 'split_candidate' THEN true
         ELSE EXISTS (
              SELECT FROM membership
               WHERE membership.media_id = item.media_id
                 AND membership.cluster_id = item.cluster_id
                 AND (membership.origin = 'auto' OR item.kind = 'caption_disagreement'))
       END
   -- A value, not NOT EXISTS: that would be answered by reading all embeddings.
   AND CASE item.kind
         WHEN 'caption_disagreement' THEN
              (SELECT created_at FROM embedding WHERE space_id = :space_id AND media_id = item.media_id)
              <= (SELECT refreshed_at FROM review_refresh WHERE space_id = :space_id)
         ELSE true
       END
 GROUP BY item.kind
