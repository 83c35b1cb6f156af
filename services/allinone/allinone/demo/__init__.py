"""`kizashi demo`: everything embedded, in a world whose clock is scaled and whose customers are made up.

command        the order of things, from an empty folder to the summary at the end
options        the flags, and how a speed is written
folder         the data folder of a demo: its marker, made anew or gone on with
clock          the world's clock: still while the history loads, then scaled
stage          the server with all that stands around it, as one context
registration   what a company enters by itself: its staff and its webhook endpoint
history        the past: a process of its own that loads it (loader), and the wait until it is scored
live           the days that follow: acts at their moments, by product, respondents and csms
product        the customers' product: the unmodified Segment SDK
respondents    people who answer a survey on its page
csms           members of the staff who complete their tasks
receiver       a CRM that takes webhooks and checks their signatures
story, words   what is worth telling, and how it is said in English and Japanese
narrator       tells it on the terminal
tally          what was done, and what failed

The live part runs in the server's process, but speaks to it over HTTP as any client does.
"""
