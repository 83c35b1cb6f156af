"""What a portfolio of customers is worth and how it moves: pure functions of the accounts' books.

    book       what metrics know of an account: contracts by steps, groups by day, milestones, answers, tickets
    period     the days that a figure is of
    money      amounts in the portfolio's currency by dated rates
    movement   the MRR ledger of a period
    cohort     churn, retention, renewals, more of the same and more of another
    journey    what onboarding and the first value are
    onboarding how many get through, how long it takes
    voice      tickets, answers, active people
    survival   Kaplan and Meier's estimate
    metric     what a metric is: its items, and the figure that they make
    catalogue  the metrics that there are

A figure is made of its items, so that it drills down to them by construction.
"""
