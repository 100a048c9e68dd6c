-- The HNSW indexes of a space: each side on its own, both halves together (inner product with
-- [alpha * image, (1 - alpha) * text] is the fused similarity at every alpha), the captions, which pictures are compared
-- with, and the media without text, which the fused index cannot hold (a plain index on them serves queries that have no
-- picture to order them by). In half precision: they nominate, and exact cosines decide.
CREATE OR REPLACE FUNCTION create_space_indexes(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
  partition text := format('embedding_%s', space_id);
BEGIN
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((image_embedding::halfvec(%s)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_image_hnsw', partition, image_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((text_embedding::halfvec(%s)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_text_hnsw', partition, text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw (((image_embedding || text_embedding)::halfvec(%s)) halfvec_ip_ops)
       WITH (m = 24, ef_construction = 128)',
    partition || '_fused_hnsw', partition, image_dimension + text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((caption_embedding::halfvec(%s)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_caption_hnsw', partition, image_dimension);
  -- The predicate has to be the view's own expression: Postgres does not see that a cast keeps NULL.
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((image_embedding::halfvec(%s)) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)
       WHERE text_embedding::vector(%s) IS NULL',
    partition || '_textless_hnsw', partition, image_dimension, text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I (media_id) WHERE text_embedding::vector(%s) IS NULL',
    partition || '_textless_idx', partition, text_dimension);
END;
$$;
