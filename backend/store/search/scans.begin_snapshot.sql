-- The transactions that this snapshot has seen, as text.
SELECT {seen} AS snapshot
