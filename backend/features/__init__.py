"""What the product does: transactions, order and bells, a package for each feature."""
