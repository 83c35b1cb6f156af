"""A process that sends what is due in a data folder, to be killed at a failpoint."""

import asyncio
import sys
from pathlib import Path

from tests.integration.playbook_effects.stack import HASTY, opened

from cskit.clock import RealClock


async def main(folder: Path) -> None:
    async with opened(folder, pace=HASTY, wall=RealClock()) as stack, stack.sending():
        await asyncio.sleep(30)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
