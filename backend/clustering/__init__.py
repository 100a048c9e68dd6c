"""Groups of look-alike media: the decision who belongs where."""
