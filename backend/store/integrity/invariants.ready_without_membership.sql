-- Each ready picture is in a group. It cannot be in two, because `media_id` is the key of `membership`.
SELECT media.id AS media_id
  FROM media
 WHERE status = 'ready' AND NOT EXISTS (SELECT FROM membership WHERE membership.media_id = media.id)
