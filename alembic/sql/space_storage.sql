-- Storage of one space: a partition of `embedding` that holds vectors of the right dimensions only, with its HNSW
-- indexes. The parent's columns carry no dimension (a partition's types must equal its parent's), so the checks hold
-- the dimensions and the indexes are on casts; the view `media_embedding` offers the very same expressions.
CREATE FUNCTION create_space_storage(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  partition text := format('embedding_%s', space_id);
BEGIN
  -- A row keeps its vectors beside it as long as the page has room: exact re-ranking and exact scans then need no
  -- look-up in the TOAST table for each vector.
  EXECUTE format(
    'CREATE TABLE %I PARTITION OF embedding FOR VALUES IN (%s) WITH (toast_tuple_target = 8160)', partition, space_id);
  EXECUTE format(
    'ALTER TABLE %I
       ADD CONSTRAINT %I CHECK (vector_dims(image_embedding) = %s),
       ADD CONSTRAINT %I CHECK (vector_dims(text_embedding) = %s),
       ADD CONSTRAINT %I CHECK (vector_dims(caption_embedding) = %3$s),
       ALTER COLUMN image_embedding SET STORAGE EXTERNAL,
       ALTER COLUMN text_embedding SET STORAGE EXTERNAL,
       ALTER COLUMN caption_embedding SET STORAGE EXTERNAL',
    partition, partition || '_image_dimension', image_dimension, partition || '_text_dimension', text_dimension,
    partition || '_caption_dimension');
  PERFORM create_space_indexes(space_id, image_dimension, text_dimension);
END;
$$;

-- The HNSW indexes of a space: each side on its own, both halves together (inner product with
-- [alpha * image, (1 - alpha) * text] is the fused similarity at every alpha), the captions, which pictures are compared
-- with, and the media without text, which the fused index cannot hold (a plain index on them serves queries that have no
-- picture to order them by).
CREATE FUNCTION create_space_indexes(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  partition text := format('embedding_%s', space_id);
BEGIN
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((image_embedding::vector(%s)) vector_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_image_hnsw', partition, image_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((text_embedding::vector(%s)) vector_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_text_hnsw', partition, text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw (((image_embedding || text_embedding)::halfvec(%s)) halfvec_ip_ops)
       WITH (m = 24, ef_construction = 128)',
    partition || '_fused_hnsw', partition, image_dimension + text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((caption_embedding::vector(%s)) vector_cosine_ops) WITH (m = 16, ef_construction = 64)',
    partition || '_caption_hnsw', partition, image_dimension);
  -- The predicate has to be the view's own expression: Postgres does not see that a cast keeps NULL.
  EXECUTE format(
    'CREATE INDEX %I ON %I USING hnsw ((image_embedding::vector(%s)) vector_cosine_ops) WITH (m = 16, ef_construction = 64)
       WHERE text_embedding::vector(%s) IS NULL',
    partition || '_textless_hnsw', partition, image_dimension, text_dimension);
  EXECUTE format(
    'CREATE INDEX %I ON %I (media_id) WHERE text_embedding::vector(%s) IS NULL',
    partition || '_textless_idx', partition, text_dimension);
END;
$$;

-- Points the view `media_embedding` at one space; without a space it is empty.
CREATE FUNCTION publish_space(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  -- The view is made anew, since its types change; whoever might read it before may do so after.
  grants text[] := ARRAY(
    SELECT format('GRANT %s ON media_embedding TO %s', acl.privilege_type,
                  CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END)
      FROM pg_class, aclexplode(pg_class.relacl) acl
     WHERE pg_class.oid = to_regclass('media_embedding') AND acl.grantee <> pg_class.relowner);
  regrant text;
BEGIN
  DROP VIEW IF EXISTS media_embedding;
  EXECUTE format(
    'CREATE VIEW media_embedding AS
     SELECT media_id,
            image_embedding::vector(%1$s) AS image_embedding,
            text_embedding::vector(%2$s) AS text_embedding,
            caption_embedding::vector(%1$s) AS caption_embedding,
            (image_embedding || text_embedding)::halfvec(%3$s) AS fused_embedding
       FROM %4$I',
    image_dimension, text_dimension, image_dimension + text_dimension, format('embedding_%s', space_id));
  FOREACH regrant IN ARRAY grants LOOP
    EXECUTE regrant;
  END LOOP;
  COMMENT ON VIEW media_embedding IS
    'Embeddings of the active space. fused_embedding is the image and the text half side by side.';
END;
$$;
