"""Accounts in memory between batches: the ones seen last."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from scoring.account import Account


class Memory:
    """At most `size` accounts; the one not asked for the longest goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def get(self, id_: str) -> Account | None:
        """The account, if it is here; it counts as seen now."""
        account = self._accounts.get(id_)
        if account is not None:
            self._accounts.move_to_end(id_)
        return account

    def put(self, accounts: Iterable[Account]) -> None:
        """Keep these, the newest state of each; one that was never scored (new, or erased) is not kept."""
        for account in accounts:
            if account.standing is None:
                self._accounts.pop(account.id, None)
                continue
            self._accounts[account.id] = account
            self._accounts.move_to_end(account.id)
        while len(self._accounts) > self._size:
            self._accounts.popitem(last=False)

    def refresh(self, accounts: Iterable[Account], kept: Callable[[Account], Account]) -> None:
        """Put what is kept of these where they are here already, or where there is room; nothing goes for them."""
        for account in accounts:
            if account.id in self._accounts or len(self._accounts) < self._size:
                self._accounts[account.id] = kept(account)

    def clear(self) -> None:
        """Forget all."""
        self._accounts.clear()
