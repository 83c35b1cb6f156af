"""`make bench-read`: reading health and the list of accounts, beside a bare FastAPI route that answers a constant.

__main__     what is run, and what is printed
load         keeps connections busy and measures the server's process meanwhile
bare         the bare route
freshness    from ingest's acceptance until the score is readable over REST, under load
client       the client of that
spent        what each process costs meanwhile
"""
