-- Ready pictures with their words, the label of their group in a space, and where they come from: of these groups and
-- with one of these keywords, where some are named. In no order, so that it can be counted too.
SELECT media.id, {media_text}, coalesce(cluster.label, '') AS cluster_label, media.source_uri, media.file_name,
       media.folders, media.sha256, media.byte_size
  FROM media
  LEFT JOIN membership ON membership.media_id = media.id AND membership.space_id = :space
  LEFT JOIN cluster ON cluster.id = membership.cluster_id
 WHERE media.status = 'ready'
   AND (cardinality(:clusters::bigint[]) = 0 OR membership.cluster_id = ANY(:clusters::bigint[]))
   AND (cardinality(:keywords::text[]) = 0 OR folded_keywords(media.keywords) && folded_keywords(:keywords::text[]))
