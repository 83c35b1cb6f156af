"""What ingest costs beside a plain service and a bare one: `make bench-ingest`.

serving      one contender as a process: ours, plain or bare
plain        FastAPI + pydantic + producer.send(), as a good developer writes it in a day
bare         an ASGI function that splits a body and appends its items unread
contenders   the three of them on one platform, ready and with known users
load         the HTTP client, a process of its own
events       the bodies it sends
turns        the matrix of batches and connections, in turns
stall        Kafka stopped under load
"""
