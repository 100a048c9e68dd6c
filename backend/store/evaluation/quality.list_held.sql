-- Pictures of a map that have a group: their positions on the map (from 1) and their groups. As double precision arrays, both
-- arrive without a Python object per element.
SELECT array_agg(place::float8) AS places, array_agg(cluster_id::float8) AS cluster_ids
  FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS mapped (media_id, place)
  JOIN membership USING (media_id)
