"""Unrolling: where many axons feed the same neurons, few crossbars hold all those neurons beside enough axons."""

from __future__ import annotations

from spinemap_exact.certificate.check.counting import units_due
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Unroll
from spinemap_exact.certificate.check.kinds import proves

MAX_CASES = 10**7  # seconds


@proves("full-crossbars", Unroll)
def prove(instance: Unroll, evidence: Field, claim: int | None) -> int | None:
    """Show that B = ``crossbars`` crossbars do not suffice; return B + 1, or None if no more are allowed.

    Two units of one neuron in one crossbar may be merged, so neuron i has c_i units in as many crossbars and c_i - 1
    carries, each with a row of its own where i has a unit. Every axon has ceil(readers / columns) rows at least, and
    c_i >= t_i since a unit reads R axons and carries at most. The rest of all rows and columns is spare.

    A block is n >= 2 neurons and the axons X, A of them, that feed all of these and have at most as many readers as a
    crossbar has columns. Let f crossbars be full, that is, hold all n neurons, and let r axons of X have no row in
    them; each of the others has one there: A - r <= f R. Let neuron i be in e_i crossbars besides, c_i = f + e_i.

    * Each of the r axons has two rows at least: no crossbar holds all its readers.
    * e_i = 0: all axons of i are in full crossbars, so r = 0, and so are the rows of its f - 1 carries.
    * e_i = 1: the other crossbar of i holds all r axons, and the rows of the f carries are there or in full ones. If
      the other crossbars of all such neurons are g, each of the r axons has g rows or more, and there are at most
      g min(columns, n - 1) such neurons.

    All f, r, g and numbers of neurons with e_i = 0 and e_i = 1 are tried, the others counting as e_i = 2. What the r
    axons and the neurons take beyond the least comes from the spare rows, what the neurons do also from the spare
    columns. Blocks that share no neurons take different rows; an axon counts for the first block that it fits.
    """
    fields = evidence.table("kind", "crossbars", "blocks")
    crossbars = fields["crossbars"].integer(low=0, high=2**20)
    posts, rows, columns = instance.nets.posts, instance.rows, instance.columns
    neurons = [i for i, is_input in enumerate(instance.nets.is_input) if not is_input]
    due = dict(zip(neurons, units_due(instance, rows), strict=True))
    spare_columns = crossbars * columns - sum(due.values())
    needed = sum(-(-len(p) // columns) for p in posts) + sum(due.values()) - len(due)
    spare_rows = crossbars * rows - needed
    left = spare_rows
    free = [k for k, p in enumerate(posts) if len(p) <= columns]
    seen: set[int] = set()
    search = _Search(crossbars, rows, columns, spare_rows, spare_columns, evidence)
    for block in fields["blocks"].items():
        members = set(block.integers(low=0, high=instance.nets.num_neurons - 1))
        if len(members) < 2 or len(members) != len(block.value):
            block.rejected("fewer than two neurons, or one of them twice")
        if members & seen or not members <= due.keys():
            block.rejected("an external input, or a neuron of another block")
        seen |= members
        axons = [k for k in free if members <= set(posts[k])]
        free = sorted(set(free) - set(axons))
        left -= search.fewest_spare_rows(len(axons), [due[i] for i in members])
    if left >= 0 and spare_columns >= 0:
        fields["crossbars"].rejected(f"{left} rows are left in the best of all cases")
    if instance.max_crossbars is not None and crossbars >= instance.max_crossbars:
        return None
    return crossbars + 1 if instance.objective == "crossbars" else 0


class _Search:
    """All cases of a block, one after the other."""

    def __init__(self, crossbars: int, rows: int, columns: int, spare: int, spare_columns: int, place: Field) -> None:
        self.crossbars, self.rows, self.columns = crossbars, rows, columns
        self.spare, self.spare_columns = spare, spare_columns
        self.place = place
        self.cases = 0

    def fewest_spare_rows(self, axons: int, due: list[int]) -> int:
        """Return the least that any case takes from the spare rows; one too many if no case can do with them."""
        best = max(0, self.spare) + 1
        for full in range(self.crossbars + 1):
            if sum(max(0, full - t) for t in due) > self.spare:
                break  # and with more full crossbars it only grows
            for outside in range(max(0, axons - full * self.rows), min(axons, self.spare) + 1):
                for others in range(self.crossbars - full + 1):
                    copies = outside * (max(2, others) - 1)
                    if copies > self.spare:
                        break
                    units = self._fewest_units(full, axons - outside, outside, others, due)
                    if units <= self.spare_columns:
                        best = min(best, copies + units)
        return best

    def _fewest_units(self, full: int, inside: int, outside: int, others: int, due: list[int]) -> int:
        """Units beyond the least if so many axons are inside and outside of the full crossbars."""
        n = len(due)
        can_be_none = sum(t <= full for t in due) if full > 0 and outside == 0 else 0
        can_be_one = sum(t <= full + 1 for t in due) if outside <= self.rows else can_be_none
        without = sum(max(0, full + 2 - t) for t in due)
        best = without
        for none in range(can_be_none + 1):  # neurons in no other crossbar
            self.cases += 1
            if self.cases > MAX_CASES:
                self.place.rejected(f"more than {MAX_CASES} cases")
            if inside + none * (full - 1) > full * self.rows:
                break
            one = min(can_be_one - none, others * min(self.columns, n - 1))
            room = (full + others) * self.rows - inside - none * (full - 1) - others * outside
            if full > 0:
                one = min(one, room // full)
            best = min(best, without - 2 * none - max(0, one))
        return best
