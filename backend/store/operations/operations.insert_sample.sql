-- Insert the metrics of a minute, unless they exist.
INSERT INTO operations_sample (minute, fetching, pending, embedded, failed, uploads, embeddings, groupings, embed_seconds,
                               group_seconds, original_bytes)
VALUES (:minute, :fetching, :pending, :embedded, :failed, :uploads, :embeddings, :groupings, :embed_seconds,
        :group_seconds, :original_bytes)
    ON CONFLICT DO NOTHING
