-- Whether the facts of an item still stand: the groups are there, neither locked nor kept apart where they would be changed,
-- the picture is where it was and no curator has placed it, and the caption has not been written again since.
-- merging, splitting, of_captions: the kinds whose items, if accepted, merge or split groups, and those about captions.
CASE
         WHEN item.kind = ANY(CAST(:merging AS text[])) THEN
              other_centroid.cluster_id IS NOT NULL
              AND NOT EXISTS (SELECT FROM cluster AS one
                               WHERE one.id IN (item.cluster_id, item.other_cluster_id) AND one.locked)
              AND NOT EXISTS (SELECT FROM cluster_cannot_link AS link
                               WHERE link.cluster_a = least(item.cluster_id, item.other_cluster_id)
                                 AND link.cluster_b = greatest(item.cluster_id, item.other_cluster_id))
         WHEN item.kind = ANY(CAST(:splitting AS text[])) THEN
              NOT EXISTS (SELECT FROM cluster AS one WHERE one.id = item.cluster_id AND one.locked)
         ELSE EXISTS (
              SELECT FROM membership
               WHERE membership.media_id = item.media_id
                 AND membership.cluster_id = item.cluster_id
                 AND (membership.origin = 'auto' OR item.kind = ANY(CAST(:of_captions AS text[]))))
       END
   -- A value, not NOT EXISTS: that would be answered by reading all embeddings.
   AND CASE
         WHEN item.kind = ANY(CAST(:of_captions AS text[])) THEN
              (SELECT created_at FROM embedding WHERE space_id = :space_id AND media_id = item.media_id)
              <= (SELECT refreshed_at FROM review_refresh WHERE space_id = :space_id)
         ELSE true
       END
