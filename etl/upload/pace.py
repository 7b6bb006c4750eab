"""One pace for each endpoint and key, whatever is sent to it: all loads of a run, all jobs of a command."""

from etl.send.pacing import NOTHING_CARRIED, Carried
from etl.state.place import Destination

__all__ = ["SharedPace"]


class SharedPace:
    """What the last send to each endpoint and key left to the next: when it may begin. Sends come one after another."""

    def __init__(self) -> None:
        self._carried: dict[tuple[str, str | None], Carried] = {}

    def find(self, destination: Destination) -> Carried:
        """Return what the next send to `destination` must keep to."""
        return self._carried.get((destination.endpoint, destination.key), NOTHING_CARRIED)

    def note(self, destination: Destination, carried: Carried) -> None:
        """Note what a send to `destination` left."""
        self._carried[destination.endpoint, destination.key] = carried
