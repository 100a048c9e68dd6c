-- Only ready pictures are in a group.
SELECT media.id AS media_id, media.status, membership.cluster_id
  FROM membership JOIN media ON media.id = membership.media_id
 WHERE media.status <> 'ready'
