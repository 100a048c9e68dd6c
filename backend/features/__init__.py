"""The operations of the product, one package per feature. They own transactions, locks and messages to workers."""
