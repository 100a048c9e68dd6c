-- Cosines of random pairs of pictures in different groups. `share` and `times` are as in sample_same_pairs.
WITH pool AS MATERIALIZED (
  SELECT m.media_id, m.cluster_id
    FROM (SELECT media_id, cluster_id
            FROM membership TABLESAMPLE BERNOULLI (CAST(:share AS real))
           WHERE space_id = :space) m
   CROSS JOIN generate_series(1, :times)
), drawn AS MATERIALIZED (
  SELECT one.media_id AS one, other.media_id AS other
    FROM (SELECT *, row_number() OVER (ORDER BY random()) AS place FROM pool) one
    JOIN (SELECT *, row_number() OVER (ORDER BY random()) AS place FROM pool) other USING (place)
   WHERE one.cluster_id <> other.cluster_id LIMIT :pairs
)
SELECT 1 - (one.image_embedding <=> other.image_embedding)
  FROM drawn
  JOIN embedding one ON one.space_id = :space AND one.media_id = drawn.one
  JOIN embedding other ON other.space_id = :space AND other.media_id = drawn.other
