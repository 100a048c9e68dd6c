"""The database: tables, transactions, and one module of queries per group of tables."""
