"""One person who comes to Kizashi by every road, a canary in all that is said of them, and the search for these."""
