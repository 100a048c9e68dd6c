-- Storage of one space: a partition of `embedding` that holds vectors of the right dimensions only, with its HNSW
-- indexes. The parent's columns carry no dimension (a partition's types must equal its parent's), so the checks hold
-- the dimensions and the indexes are on casts; the view `media_embedding` offers the very same expressions.
CREATE OR REPLACE FUNCTION create_space_storage(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
  partition text := format('embedding_%s', space_id);
  -- A row with its two vectors that every search measures, and 100 bytes for the rest.
  row_bytes integer := 100 + 2 * 8 + 4 * (image_dimension + text_dimension);
BEGIN
  -- A row keeps these beside it as long as the page has room: exact re-ranking and exact scans then need no look-up in the
  -- TOAST table for each vector. Captions, which few queries read, are there: with the usual encoders a page then holds two rows.
  EXECUTE format(
    'CREATE TABLE %I PARTITION OF embedding FOR VALUES IN (%s) WITH (toast_tuple_target = %s)',
    partition, space_id, least(8160, greatest(2032, row_bytes)));
  EXECUTE format(
    'ALTER TABLE %I
       ADD CONSTRAINT %I CHECK (vector_dims(image_embedding) = %s),
       ADD CONSTRAINT %I CHECK (vector_dims(text_embedding) = %s),
       ADD CONSTRAINT %I CHECK (vector_dims(caption_embedding) = %3$s),
       ALTER COLUMN image_embedding SET STORAGE MAIN,
       ALTER COLUMN text_embedding SET STORAGE MAIN,
       ALTER COLUMN caption_embedding SET STORAGE EXTERNAL',
    partition, partition || '_image_dimension', image_dimension, partition || '_text_dimension', text_dimension,
    partition || '_caption_dimension');
  PERFORM create_space_indexes(space_id, image_dimension, text_dimension);
END;
$$;
