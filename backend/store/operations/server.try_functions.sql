-- Calls the public functions, and a distance, as a client with no search path does. {schema} is the library's, {extension} that of pgvector.
SELECT ('[1,0]'::{extension}.vector OPERATOR({extension}.<=>) '[0,1]'::{extension}.vector) AS distance,
       (SELECT count(*)
          FROM (SELECT media_id, image_embedding, text_embedding FROM {schema}.media_embedding LIMIT 1) AS own,
               LATERAL {schema}.search_media_by_index(own.image_embedding, own.text_embedding, 1, 0.6, 10) AS by_index,
               LATERAL {schema}.search_media_exactly(own.image_embedding, own.text_embedding, 1) AS exactly,
               LATERAL {schema}.similar_media(own.media_id, 1) AS similar_ones) AS found,
       (SELECT count(*) FROM {schema}.nearest_clusters(NULL, 1)) AS nearest
