"""Search and recommendation over the SQL functions."""
