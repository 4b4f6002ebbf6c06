"""An order by chance, in which weight decides who is likely to come first. Pure."""

from collections.abc import Callable, Sequence


def weighted_order(weights: Sequence[float], draw: Callable[[], float]) -> list[int]:
    """The positions of ``weights`` in a random order.

    Each place goes to one of those left, with a chance in proportion to its weight; ``draw`` gives
    numbers from 0 to below 1, one for each place but the last. Weights are above zero.
    """
    left = list(range(len(weights)))
    order: list[int] = []
    while len(left) > 1:
        order.append(
            left.pop(_place(draw() * sum(weights[index] for index in left), left, weights))
        )
    return order + left


def _place(point: float, left: Sequence[int], weights: Sequence[float]) -> int:
    """Where among those left a point of the sum of their weights lies."""
    for place, index in enumerate(left):
        point -= weights[index]
        if point < 0:
            return place
    return len(left) - 1
