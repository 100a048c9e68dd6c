-- Progress of uploads. shown: the picture to show, which for a duplicate is the existing one.
SELECT media.id, media.status, media.error_code, media.error_detail, shown.id AS shown_id, shown.status AS shown_status,
       encode(shown.sha256, 'hex') AS sha256, membership.cluster_id, membership.similarity, membership.founder,
       cluster.label
  FROM media
  JOIN media AS shown ON shown.id = coalesce(media.duplicate_of, media.id)
  LEFT JOIN membership ON membership.media_id = shown.id
  LEFT JOIN cluster ON cluster.id = membership.cluster_id
 WHERE media.id = ANY(CAST(:ids AS uuid[]))
