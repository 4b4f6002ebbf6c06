"""Who has fallen silent, told by beats that do not move on and by one's own waking time. Pure.

Clocks of different hosts differ, and any clock may jump; so a beat is never compared with a clock:
it only has to change. For how long it has not is added up by whoever looks. Of the time between two
looks no more counts than a look is expected to take: in the rest of it whoever looks was stopped,
suspended or cut off from the database, and so, for all that is known, was everybody else.
"""

from collections.abc import Mapping


class SilenceWatch:
    """One process's view of the others. ``look_seconds_max`` is what one look may add."""

    def __init__(self, look_seconds_max: float) -> None:
        self._look_seconds_max = look_seconds_max
        self._looked_monotonic: float | None = None
        # By owner: its last beat, and how long it has been so.
        self._seen: dict[str, tuple[int | None, float]] = {}

    def look(self, beats: Mapping[str, int | None], monotonic: float) -> None:
        """Note the last beat of each owner; ``None`` is one that has none.

        Silence is counted from the first look that found an owner so. Owners that are not named
        any more are forgotten.
        """
        passed_seconds = 0.0
        if self._looked_monotonic is not None:
            passed_seconds = min(monotonic - self._looked_monotonic, self._look_seconds_max)
        self._looked_monotonic = monotonic
        seen = {}
        for owner, beat in beats.items():
            known_beat, silent_seconds = self._seen.get(owner, (beat, None))
            if silent_seconds is None or beat != known_beat:
                seen[owner] = (beat, 0.0)
            else:
                seen[owner] = (beat, silent_seconds + passed_seconds)
        self._seen = seen

    def silent_seconds(self, owner: str) -> float:
        """For how long the owner is known not to have beaten; 0 for one that was never seen."""
        return self._seen[owner][1] if owner in self._seen else 0.0

    def gone(self, silent_seconds: float) -> dict[str, int | None]:
        """Who has no beat, or none for so long; each with the beat that it was judged by."""
        return {
            owner: beat
            for owner, (beat, seconds) in self._seen.items()
            if beat is None or seconds >= silent_seconds
        }
