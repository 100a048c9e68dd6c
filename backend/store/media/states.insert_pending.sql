-- Insert a picture to embed, at its place in the upload order. No row is returned if one has the same file.
INSERT INTO media (id, sha256, original_key, mime, width, height, byte_size, exif, warnings,
                   title, caption, keywords, location, story, taken_at, taken_at_precision, taken_at_source,
                   source, source_uri, request_id, folders, file_name, status, upload_seq)
VALUES (:id, :sha256, :original_key, :mime, :width, :height, :byte_size, :exif, :warnings,
        :title, :caption, :keywords, :location, :story, :taken_at, :taken_at_precision, :taken_at_source,
        :source, :source_uri, :request_id, :folders, :file_name, 'pending', :upload_seq)
ON CONFLICT (sha256) DO NOTHING
RETURNING id
