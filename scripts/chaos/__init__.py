"""Break a running library on purpose, by a seeded schedule, and check afterwards that it has kept its promises."""
