-- Set the perceptual hashes of pictures.
UPDATE media
   SET perceptual_hash = new.hash
  FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS bigint[])) AS new (id, hash)
 WHERE media.id = new.id
