"""What scoring costs beside Quix Streams and a bare loop: `make bench-scoring`.

lives        what accounts did: 120 days that warm them, and the load
warm         accounts with those days in the database, by copies of a few that scoring has folded
card         the scorecard of one measure
topic        the load on Kafka
ours         scoring as `kizashi serve scoring` runs it, on the topic from its start
quix         Quix Streams counting 28 days, by state; in an environment of its own
bare         an aiokafka getmany loop
peers        quix and bare as processes
costs        CPU, memory, WAL
exact        scoring killed in the middle: nothing lost, nothing twice
turns        who is measured at which size, in turns; ratios
claim        how long a claim takes after 26 million batches of one event
"""
