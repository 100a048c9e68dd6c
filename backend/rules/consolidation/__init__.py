"""The second pass: the grouping that does not depend on the order of uploads."""
