-- Pictures of groups: the representative first, then the members with the highest similarity on joining. One statement for a page,
-- which reads the first entries of `membership_members_idx` for each group.
SELECT page.id AS cluster_id, media.id AS media_id, encode(media.sha256, 'hex') AS sha256,
       {called}, media.width, media.height
  FROM unnest(CAST(:cluster_ids AS bigint[]), CAST(:representatives AS uuid[])) AS page(id, representative)
 CROSS JOIN LATERAL (
         SELECT page.representative AS media_id, 2.0 AS similarity WHERE page.representative IS NOT NULL
          UNION ALL
        (SELECT membership.media_id, membership.similarity
           FROM membership
          WHERE membership.cluster_id = page.id
          ORDER BY membership.similarity DESC, membership.media_id
          LIMIT :each)
       ) AS member
  JOIN media ON media.id = member.media_id
 ORDER BY page.id, member.similarity DESC, member.media_id
