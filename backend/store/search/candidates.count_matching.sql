-- Number of matching embeddings, counted up to a limit. {matching} is a condition on e.media_id.
SELECT count(*) AS media FROM (SELECT FROM media_embedding e WHERE {matching} LIMIT :count_limit) AS matching
