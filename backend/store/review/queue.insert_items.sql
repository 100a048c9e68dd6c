-- Insert items. Pictures that were deleted meanwhile are skipped.
INSERT INTO review_item (kind, subject, urgency, media_id, cluster_id, other_cluster_id, figures)
SELECT new.*
  FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS text[]), CAST(:urgencies AS float8[]),
              CAST(:media_ids AS uuid[]), CAST(:cluster_ids AS bigint[]), CAST(:other_cluster_ids AS bigint[]),
              CAST(:figures AS jsonb[]))
       AS new (kind, subject, urgency, media_id, cluster_id, other_cluster_id, figures)
 WHERE new.media_id IS NULL
    OR EXISTS (SELECT FROM media WHERE media.id = new.media_id FOR KEY SHARE)
