-- Set all columns of a group. A deleted representative is omitted.
UPDATE cluster
   SET label = :label,
       label_origin = :label_origin,
       representative_media_id = (SELECT id FROM media WHERE id = :representative_media_id),
       representative_origin = :representative_origin,
       locked = :locked,
       locked_at = CASE WHEN :locked THEN coalesce(locked_at, clock_timestamp()) END
 WHERE id = :id
