"""The topics. Messages are CloudEvents JSON; the key is the account id, except on cs.dead-letters."""

from typing import Final

CUSTOMER_EVENTS: Final = "cs.customer-events"  # everything that changes an account, and the control records
HEALTH_EVENTS: Final = "cs.health-events"  # published changes of health scores, made by scoring
PLAYBOOK_EVENTS: Final = "cs.playbook-events"  # life cycle of runs, tasks and effects, made by playbook
DEAD_LETTERS: Final = "cs.dead-letters"  # where a refused message lay, why, its length and hash; never its body

ALL: Final = (CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS, DEAD_LETTERS)

PARTITIONS: Final = 16  # of every topic, set when it is made and never changed
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024  # of every topic; a larger outbox row is a defect, not a retry
CONTROL_KEY: Final = "!control"  # key and subject of control records, which are appended once to every partition
