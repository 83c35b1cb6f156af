"""Imported before everything else that the command needs: Ctrl-C while that is being read ends it without a word."""

import signal
import sys
from pathlib import Path


def interrupts_end_quietly() -> None:
    """Only where this process is the command: whoever imports it otherwise has handlers of their own."""
    if Path(sys.argv[0]).name == "kizashi":
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupts_are_raised() -> None:
    """As Python does it: from here on, commands know what to do with Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


interrupts_end_quietly()
