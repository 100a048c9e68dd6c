-- Cosines of pairs within a group: a random picture, and a random other member of its group. `share` is the percentage of all
-- memberships that is sampled, `times` how often each may be drawn.
WITH drawn AS MATERIALIZED (
  SELECT m.media_id, m.cluster_id, floor(random() * (c.member_count - 1))::bigint AS place
    FROM (SELECT media_id, cluster_id
            FROM membership TABLESAMPLE BERNOULLI (CAST(:share AS real))
           WHERE space_id = :space) m
    JOIN centroid c ON c.cluster_id = m.cluster_id AND c.space_id = :space AND c.member_count > 1
   CROSS JOIN generate_series(1, :times)
   ORDER BY random() LIMIT :pairs
)
SELECT 1 - (one.image_embedding <=> other.image_embedding)
  FROM drawn
 CROSS JOIN LATERAL (SELECT media_id FROM membership
                      WHERE cluster_id = drawn.cluster_id AND media_id <> drawn.media_id
                      ORDER BY similarity DESC, media_id OFFSET drawn.place LIMIT 1) AS partner
  JOIN embedding one ON one.space_id = :space AND one.media_id = drawn.media_id
  JOIN embedding other ON other.space_id = :space AND other.media_id = partner.media_id
