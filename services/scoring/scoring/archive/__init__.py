"""The archive: every record of cs.customer-events, once, in Parquet files named by partition and offset.

place     where it is: a folder, or a bucket of an S3-compatible store; nothing of pyarrow before it is used
files     names of files, and which of them hold what
columns   records as Parquet and back
reading   read_events: what is archived, in order, an offset once
writing   the worker that archives, with its own consumer group
tending   small files become larger ones; erased accounts leave
"""
