-- Texts of the members of groups, most similar first within each group.
SELECT wanted.cluster_id, said.keywords, said.title, said.caption
  FROM unnest(CAST(:ids AS bigint[])) AS wanted(cluster_id)
 CROSS JOIN LATERAL (
         SELECT keywords, title, caption
           FROM membership
           JOIN media ON media.id = membership.media_id
          WHERE membership.cluster_id = wanted.cluster_id
          ORDER BY membership.similarity DESC, membership.media_id
          LIMIT :most
       ) AS said
