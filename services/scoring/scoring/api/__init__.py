"""The HTTP edge: accounts with health and history, what people do to them, what is told of them all together."""
