-- Points the view `media_embedding` at one space; without a space it is empty.
CREATE OR REPLACE FUNCTION publish_space(space_id integer, image_dimension integer, text_dimension integer)
RETURNS void
LANGUAGE plpgsql
SET search_path FROM CURRENT
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
            image_embedding::halfvec(%1$s) AS image_half,
            text_embedding::halfvec(%2$s) AS text_half,
            caption_embedding::halfvec(%1$s) AS caption_half,
            (image_embedding || text_embedding)::halfvec(%3$s) AS fused_embedding
       FROM %4$I',
    image_dimension, text_dimension, image_dimension + text_dimension, format('embedding_%s', space_id));
  FOREACH regrant IN ARRAY grants LOOP
    EXECUTE regrant;
  END LOOP;
  COMMENT ON VIEW media_embedding IS
    'Embeddings of the active space. Its indexes are on image_half, text_half and caption_half, which are the same in half precision, and on '
    'fused_embedding, the image and the text side by side.';
END;
$$;
