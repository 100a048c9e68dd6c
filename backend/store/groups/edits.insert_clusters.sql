-- Insert a group with this id. A deleted representative is omitted.
INSERT INTO cluster (id, label, label_origin, representative_media_id, representative_origin, locked, locked_at,
                     created_at) OVERRIDING SYSTEM VALUE
VALUES (:id, :label, :label_origin, (SELECT id FROM media WHERE id = :representative_media_id), :representative_origin,
        :locked, CASE WHEN :locked THEN clock_timestamp() END, coalesce(:created_at, now()))
