"""A made-up company's customers, seeded: the same seed gives the same world, on every machine and in any order asked.

    world = make_world(7, now=datetime(2026, 11, 24, 9, tzinfo=UTC))
    world.history()         the past days as items of POST /v1/events
    world.past_answers()    the NPS answers of those days
    world.acts(day)         what happens on a live day
    world.reaction(task, account)

Each customer lives a storyline with a true fate. Fates are there to judge a score afterwards; nothing that is sent
says anything of them. Standard library only, no IO, no clock. All chance comes from `dice`, keyed by what it is thrown
for, so that a day can be made without the days before it.

The map, from the outside in:

    world        World, make_world, PastAnswer
    history      the past as items of POST /v1/events
    acts         the live days: Track, Identify, Group, Send, Answer
    reactions    how owners deal with tasks
    happenings   Happening: something that befalls a customer, before it is said in either way
    usage        what people do in the product          tickets      what they need help with
    touches      who spoke with them, and how they felt  answers     what they answer to NPS surveys
    papers       descriptions, contracts, invoices, milestones
    customers    Customer and how one is made           fates        Fate, the storylines, who lives which and when
    people       Person                                 staff        Member
    names        invented companies, their industries, names of people
    holidays     days on which little is done           hours        local days and office hours
    dice         the only source of chance
"""

from csworld.acts import Act, Answer, Group, Identify, Send, Track
from csworld.customers import Customer
from csworld.fates import Fate, Storyline
from csworld.people import Person
from csworld.reactions import Reaction
from csworld.staff import Member
from csworld.world import PastAnswer, World, make_world

__all__ = [
    "Act",
    "Answer",
    "Customer",
    "Fate",
    "Group",
    "Identify",
    "Member",
    "PastAnswer",
    "Person",
    "Reaction",
    "Send",
    "Storyline",
    "Track",
    "World",
    "make_world",
]
