-- Items whose facts still stand: the clusters are there, the media is where it was and not yet a curator's, and the
-- caption has not been written anew since.
SELECT item.kind, item.subject, item.urgency, item.figures, item.media_id, media.title, media.caption,
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
 ORDER BY item.urgency DESC, item.subject
 LIMIT :limit
