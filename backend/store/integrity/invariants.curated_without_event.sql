-- Every decision of a curator is in the journal.
SELECT media_id, cluster_id
  FROM membership
 WHERE origin = 'curator' AND event_id IS NULL
