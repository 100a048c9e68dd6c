-- The figures of a minute; the first that are written stay.
INSERT INTO operations_sample (minute, fetching, pending, embedded, failed, uploads, embeddings, groupings, embed_seconds,
                               group_seconds, original_bytes)
VALUES (:minute, :fetching, :pending, :embedded, :failed, :uploads, :embeddings, :groupings, :embed_seconds,
        :group_seconds, :original_bytes)
    ON CONFLICT DO NOTHING
