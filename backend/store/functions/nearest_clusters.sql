-- Clusters are few beside media and their centroids move with every member, so they have no HNSW index: this reads
-- them all and is exact. Equal similarities are put in the order of the clusters' ids, as assignment does.
CREATE OR REPLACE FUNCTION nearest_clusters(image_query vector, k integer DEFAULT 10)
RETURNS TABLE (cluster_id bigint, label text, similarity double precision, member_count integer)
LANGUAGE plpgsql
STABLE
SET search_path FROM CURRENT
AS $$
BEGIN
  PERFORM check_query_parameters(k, 1);
  PERFORM check_query_vector(image_query, 'image');
  IF image_query IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
  -- The nearest first, so that only those are joined to their names.
  WITH nearest AS MATERIALIZED (
    SELECT c.cluster_id, c.member_count, 1 - (c.centroid <=> image_query) AS similarity
      FROM centroid c JOIN space s ON s.id = c.space_id
     WHERE s.state = 'active'
     ORDER BY c.centroid <=> image_query, c.cluster_id
     LIMIT k
  )
  SELECT n.cluster_id, named.label, n.similarity, n.member_count
    FROM nearest n JOIN cluster named ON named.id = n.cluster_id
   ORDER BY n.similarity DESC, n.cluster_id;
END;
$$;

COMMENT ON FUNCTION nearest_clusters IS
  'The k clusters of the active space whose centroids are nearest to an image vector, by cosine similarity. Exact.';
