"""Real clients at work, each a program of its own: it sends events as its README says, through whatever happens."""
