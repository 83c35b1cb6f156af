"""A made-up company's customers, seeded: the same seed gives the same world."""
