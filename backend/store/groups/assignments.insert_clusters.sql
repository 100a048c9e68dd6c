-- Create groups, each represented by its first picture and labelled with its title. One array element per group.
INSERT INTO cluster (id, representative_media_id, label) OVERRIDING SYSTEM VALUE
SELECT founded.id, media.id, media.title
  FROM unnest(CAST(:ids AS bigint[]), CAST(:founders AS uuid[])) AS founded(id, media_id)
  JOIN media ON media.id = founded.media_id
