-- Pictures of a space with words, group and vectors: of these groups and with one of these keywords, where some are
-- named. In no order, so that it can be counted too.
SELECT media.id, coalesce(media.source_uri, '') AS path, media.file_name,
       {media_text}, membership.cluster_id, cluster.label AS cluster_label, membership.similarity,
       embedding.image_embedding AS image, embedding.text_embedding AS text,
       embedding.caption_embedding AS caption_vector
  FROM media
  JOIN embedding ON embedding.media_id = media.id AND embedding.space_id = :space
  JOIN membership ON membership.media_id = media.id AND membership.space_id = :space
  JOIN cluster ON cluster.id = membership.cluster_id
 WHERE media.status = 'ready'
   AND (cardinality(:clusters::bigint[]) = 0 OR membership.cluster_id = ANY(:clusters::bigint[]))
   AND (cardinality(:keywords::text[]) = 0 OR folded_keywords(media.keywords) && folded_keywords(:keywords::text[]))
