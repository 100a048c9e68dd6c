-- The transactions that this snapshot has seen, as text, and the server.
SELECT {seen} AS snapshot, {server} AS server
