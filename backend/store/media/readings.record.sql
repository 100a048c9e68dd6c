-- Keep what a file of a picture said, in place of what it said before.
INSERT INTO media_reading (media_id, file_key, said, given, sidecars, rewritten_sha256)
VALUES (:media_id, :file_key, :said, :given, :sidecars, :rewritten_sha256)
ON CONFLICT (media_id, file_key)
DO UPDATE SET said = excluded.said, given = excluded.given, sidecars = excluded.sidecars,
              rewritten_sha256 = excluded.rewritten_sha256
