-- Delete figures of groups that do not belong to a current membership.
DELETE FROM membership_figures AS kept
 WHERE kept.space_id = :space_id
   AND kept.cluster_id = ANY(:cluster_ids)
   AND NOT EXISTS (
     SELECT FROM membership
       JOIN embedding ON embedding.space_id = :space_id AND embedding.media_id = membership.media_id
      WHERE membership.media_id = kept.media_id
        AND membership.cluster_id = kept.cluster_id
        AND membership.assign_seq = kept.assign_seq)
