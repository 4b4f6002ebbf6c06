"""A ledger too simple to be wrong: lists of what happened, and sums over them each time."""

from dataclasses import dataclass, field


@dataclass
class NaiveHold:
    account_id: str
    amount: int
    state: str = "held"
    price: int = 0
    charged: int = 0
    answer: bytes | None = None


@dataclass
class NaiveLedger:
    grants: dict[str, tuple[str, int]] = field(default_factory=dict)
    holds: dict[str, NaiveHold] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)

    def granted(self, account_id: str) -> int:
        return sum(amount for owner, amount in self.grants.values() if owner == account_id)

    def charged(self, account_id: str) -> int:
        return sum(one.charged for one in self.holds.values() if one.account_id == account_id)

    def held(self, account_id: str) -> int:
        mine = (one for one in self.holds.values() if one.account_id == account_id)
        return sum(one.amount for one in mine if one.state == "held")

    def available(self, account_id: str) -> int:
        return self.granted(account_id) - self.charged(account_id) - self.held(account_id)

    def units(self, account_id: str, fixed: int, unit: int, wanted: int, minimum: int) -> int:
        """The most units that fit, tried one by one from the top; -1 when none do."""
        for units in range(wanted, minimum - 1, -1):
            if fixed + unit * units <= self.available(account_id):
                return units
        return -1

    def end(self, hold_id: str, state: str, price: int) -> bool:
        """Whether the hold ends this way now, or had ended exactly so before."""
        hold = self.holds[hold_id]
        if hold.state != "held":
            return (hold.state, hold.price) == (state, price)
        hold.charged = min(price, hold.amount + self.available(hold.account_id))
        hold.state, hold.price = state, price
        return True

    def keyed(self, account_id: str, key: str, fingerprint: bytes) -> str:
        """What a call with this key is: new, reused, running or settled."""
        if (account_id, key) not in self.keys:
            return "new"
        hold_id, first_fingerprint = self.keys[account_id, key]
        if fingerprint != first_fingerprint:
            return "reused"
        return {"held": "running", "settled": "settled"}.get(self.holds[hold_id].state, "new")
