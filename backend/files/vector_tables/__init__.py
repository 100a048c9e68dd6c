"""Files of embeddings: .npz, .parquet, .json, .jsonl."""
