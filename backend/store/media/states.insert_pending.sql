-- Insert a picture to embed, at its place in the upload order. No row is returned if one has the same file.
INSERT INTO media ({columns}, status)
VALUES ({values}, 'pending')
ON CONFLICT (sha256) DO NOTHING
RETURNING id
