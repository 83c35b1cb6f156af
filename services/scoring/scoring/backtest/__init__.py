"""How well a scorecard would have told who leaves: the live fold and score over past events, judged by what came.

    grid         the days at whose end everybody is scored; ISO durations of days
    outcomes     who was a customer on a day, and who left when: from a table, or from the end of the last contract
    walking      an account's past, event by event, to its scores: as known at each moment, or as corrected
    sample       rows (account, moment) as columns
    ranking      AUC, average precision and lift of one order of rows, for many weightings at once
    resampling   intervals by drawing accounts
    calibration  scores as probabilities, Brier
    departures   lead time; the share of churned revenue that was green
    findings     all figures of a sample
    running      pasts in, findings out
    plain        an event log and a table of churn dates as people have them: CSV or Parquet
    archived     the pasts that the archive holds
    report       findings as one HTML page, with charts and words
    result       a backtest that is done, and as JSON
    charts       figures as the geometry of plots
    words        the words of the report

Only plain, archived and report do IO. The same pasts, scorecard and seed give the same findings.
"""
