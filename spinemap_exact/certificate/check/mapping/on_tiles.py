"""Mappings of given units: clusters on tiles, bounded by values of units, tiles and distances in a tree of cases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field, Preorder
from spinemap_exact.certificate.check.instance import Mapping
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.mapping.sources import Sources, Units
from spinemap_exact.certificate.check.partition.clusters import MAX_WORK, Item, Pricing, walk
from spinemap_exact.certificate.check.partition.clusters import Case as Grouping

MAX_TILES = 256


@dataclass(frozen=True)
class Read:
    """Packets that some groups get from one source: all its readers per tile, those in one group per synapse."""

    spikes: int
    home: int | None  # group of the source; None for an external input
    source: int
    readers: tuple[int, ...]


@dataclass(frozen=True)
class Chip:
    """Groups of units that lie together, their reads and what these cost, in steps.

    Attributes
    ----------
    way : list of list of int
        Energy of a packet from tile to tile; `entry` that of an external one.
    """

    units: Units
    grouping: Grouping

    @cached_property
    def num_groups(self) -> int:
        return len(self.grouping.groups)

    @cached_property
    def way(self) -> list[list[int]]:
        return [[self.units.chip.fj["packet"] + hops for hops in row] for row in self.units.hops]

    @cached_property
    def entry(self) -> list[int]:
        return [self.units.chip.fj["packet"] + hops for hops in self.units.entry]

    @cached_property
    def reads(self) -> list[Read]:
        """Sources ascending, and their groups ascending where each gets packets of its own."""
        found = []
        nets, group_of = self.units.nets, self.grouping.group_of
        for k, posts in enumerate(nets.posts):
            if not posts or not nets.spikes[k]:
                continue
            home = None if nets.is_input[k] else group_of[k]
            reading = [group_of[u] for u in posts]
            groups = tuple(sorted(set(reading)))
            if self.units.chip.traffic == "per-tile":
                found.append(Read(nets.spikes[k], home, k, groups))
            else:
                found += [Read(nets.spikes[k] * reading.count(g), home, k, (g,)) for g in groups]
        return found

    @property
    def tile_cost(self) -> int:
        return self.units.cells * self.units.chip.fj["idle_cell"] // self.units.step

    def cost(self, spikes: int, energy: int) -> int:
        return spikes * energy // self.units.step

    def inside(self, read: Read) -> int:
        """Cost of a read in the cluster of its source."""
        return self.cost(read.spikes, self.units.chip.fj["local"])

    @cached_property
    def levels(self) -> list[list[int]]:
        """For each tile the distinct energies of a packet from another tile, ascending."""
        tiles = range(self.units.num_tiles)
        return [sorted({self.way[s][t] for s in tiles if s != t}) for t in tiles]

    @cached_property
    def symmetries(self) -> list[list[int]]:
        """Turns and mirrors of the mesh that change no cost, as images of the tiles."""
        width, height = self.units.chip.width, self.units.chip.height
        tiles, found = range(width * height), []
        for k in range(8 if width == height else 4):
            image = []
            for t in tiles:
                x, y = t % width, t // width
                x, y = width - 1 - x if k & 1 else x, height - 1 - y if k & 2 else y
                image.append(x * width + y if k & 4 else y * width + x)
            kept = all(self.way[image[s]][image[t]] == self.way[s][t] for s in tiles for t in tiles)
            if kept and all(self.entry[image[t]] == self.entry[t] for t in tiles):
                found.append(image)
        return found

    def laid(self, fixed: list[int]) -> int:
        """Cost of a mapping that puts each group on its tile."""
        total = self.tile_cost * len(set(fixed))
        for read in self.reads:
            for t in {fixed[g] for g in read.readers}:
                if read.home is None:
                    total += self.cost(read.spikes, self.entry[t])
                elif fixed[read.home] == t:
                    total += self.inside(read)
                else:
                    total += self.cost(read.spikes, self.way[fixed[read.home]][t])
        return total


@dataclass(frozen=True)
class Values:
    """Of groups, tiles and distances, in steps / scale: see `prove`. ``far`` maps (read, tile, level) to its value."""

    pi: list[int]
    mu: list[int]
    far: dict[tuple[int, int, int], int]


class Case:
    """Mappings with some groups on certain tiles: ``fixed[g]`` is the tile of group g, or -1."""

    def __init__(self, chip: Chip, fixed: list[int]) -> None:
        self.chip, self.fixed = chip, fixed
        self.held = [0] * chip.units.num_tiles
        for g, t in enumerate(fixed):
            if t >= 0:
                self.held[t] |= 1 << g
        self.placed = sum(1 << g for g, t in enumerate(fixed) if t >= 0)

    @property
    def is_empty(self) -> bool:
        """True if no mapping is like this: what lies on a tile does not fit its crossbar."""
        return not all(self.chip.grouping.fits(members) for members in set(self.held))

    @cached_property
    def certain(self) -> list[set[int]]:
        """For each read, the tiles where somebody reads it for certain."""
        return [{self.fixed[g] for g in read.readers if self.fixed[g] >= 0} for read in self.chip.reads]

    def has_levels(self, r: int, t: int) -> bool:
        """True if the distance from which read r reaches tile t is open, and the read is, too."""
        home = self.chip.reads[r].home
        return home is not None and self.fixed[home] < 0 and t not in self.certain[r]

    def worths(self, values: Values, scale: int) -> list[list[int]]:
        """For each tile, what each group is worth there."""
        chip = self.chip
        tiles = range(chip.units.num_tiles)
        gain = [list(values.pi) for _ in tiles]
        for read, certain in zip(chip.reads, self.certain, strict=True):
            if read.home is None or self.fixed[read.home] >= 0:
                continue
            for t in certain:
                for s in tiles:
                    if s != t:
                        beyond = chip.way[s][t] - chip.levels[t][0]
                        gain[s][read.home] -= scale * chip.cost(read.spikes, beyond)
        for (r, t, d), value in values.far.items():
            home, level = chip.reads[r].home, chip.levels[t][d]
            assert home is not None
            for s in tiles:
                if s != t and chip.way[s][t] <= level:
                    gain[s][home] += value
        return gain

    def outside(self, r: int, t: int, surcharge: int, scale: int) -> int:
        """Price in tile t of read r from elsewhere."""
        chip, read = self.chip, self.chip.reads[r]
        if read.home is None:
            return scale * chip.cost(read.spikes, chip.entry[t])
        if (h := self.fixed[read.home]) >= 0:
            return scale * (chip.inside(read) if h == t else chip.cost(read.spikes, chip.way[h][t]))
        nearest = chip.levels[t][0] if chip.levels[t] else 0
        return scale * chip.cost(read.spikes, nearest) + surcharge

    def pricing(self, t: int, gain: list[int], surcharges: dict[int, int], scale: int) -> Pricing:
        """What clusters in tile t are worth: gains of groups, less prices of reads; a source takes a row as well.

        A read costs the lower of its prices inside and outside, and the rest where its source lies elsewhere.
        """
        chip, rows, others = self.chip, dict[int, int](), []
        for r, read in enumerate(chip.reads):
            outside = self.outside(r, t, surcharges.get(r, 0), scale)
            base = outside if read.home is None else min(outside, scale * chip.inside(read))
            if chip.units.chip.traffic == "per-tile":
                rows[read.source] = base
            else:
                others.append(Item(base, False, None, read.readers))
            others.append(Item(outside - base, False, read.home, read.readers))
        items = []
        for k, posts in enumerate(chip.units.nets.posts):
            readers = tuple(sorted({chip.grouping.group_of[u] for u in posts}))
            if readers:
                items.append(Item(rows.get(k, 0), True, None, readers))
        items += [item for item in others if item.price]
        return Pricing(chip.grouping, items, gain)

    def surcharges(self, values: Values) -> list[dict[int, int]]:
        """For each tile, what reads pay there beyond the nearest distance."""
        found: list[dict[int, int]] = [{} for _ in self.held]
        for (r, t, _), value in values.far.items():
            found[t][r] = found[t].get(r, 0) + value
        return found


@proves("clusters-on-tiles", Mapping)
def prove(instance: Mapping, evidence: Field, claim: int | None) -> int | None:
    """Show that no mapping of the given units costs less than the claim, and return the claim.

    Units of equal inputs in ``classes`` count as one group: a mapping that takes one of them apart has two clusters at
    least that read each of its sources, and costs the claim by counting (`sources.Sources`, with ``cliques``).

    A case has some groups on certain tiles. It is closed if what lies on a tile does not fit, if all groups lie
    somewhere and cost the claim, or by values in steps / ``scale``: pi of groups, mu <= 0 of tiles, and ``far`` of a
    read r in a tile t beyond distance level d, from 0 to spikes (lev_t[d+1] - lev_t[d]). A read pays spikes lev_t[0]
    and all its values beyond in t, if its source lies elsewhere; a source on tile s gets its values of those (t, d)
    with s no farther from t than lev_t[d]. If it lies at the distance lev_t[j], that leaves at most spikes lev_t[j] to
    pay: so the cost is at least sum pi + sum mu, less what each tile's cluster is worth beyond what the tile costs.
    Sources that are fixed cost what they cost; a read that is certain in t has no values there, and its source pays
    the distance. The pricing trees show what no cluster is worth more than, tile by tile.

    Otherwise the next entry puts a group on tiles, ``{"group": g, "tiles": [...]}``, a case for each: the other tiles
    are images of these under symmetries of the mesh that leave all fixed tiles where they are.
    """
    fields = evidence.table("kind", "cliques", "classes", "tree")
    if claim is None:
        evidence.rejected("proves bounds, not infeasibility")
    units = Units.of(instance, evidence)
    if units.num_tiles > MAX_TILES:
        evidence.rejected(f"{units.num_tiles} tiles are more than {MAX_TILES}")
    together = _whole(units, fields, evidence, claim)
    chip = Chip(units, Grouping(units.problem, tuple(together)))
    goal, budget = -((units.constant - claim) // units.step), Budget(MAX_WORK)
    budget.spend(units.num_tiles**2 * 8)
    tree = Preorder(fields["tree"])
    open_cases = [Case(chip, [-1] * chip.num_groups)]
    while open_cases:
        case = open_cases.pop()
        budget.spend(10 * chip.num_groups + len(chip.reads))
        if case.is_empty:
            continue
        if -1 not in case.fixed:
            if chip.laid(case.fixed) < goal:
                tree.rejected("a mapping with every group on its tile costs less than the claim")
            continue
        entry = tree.take()
        if isinstance(entry.value, dict) and "group" in entry.value:
            open_cases += reversed(_split(case, entry))
        else:
            _close(case, entry, goal, budget)
    tree.finish()
    return claim


def _whole(units: Units, fields: dict[str, Field], evidence: Field, claim: int) -> list[tuple[int, int]]:
    """Pairs of units that lie together in every mapping that costs less than the claim."""
    sources = Sources(units, fields["cliques"], evidence)
    pairs = []
    for place in fields["classes"].items():
        members = place.integers(low=0, high=units.problem.num_units - 1)
        pres = [units.nets.pres[u] for u in members]
        if not members or any(a != b for a, b in pairwise(pres)):
            place.rejected("the units do not read the same sources")
        apart = sources.energy(frozenset(pres[0]))
        if apart < claim:
            place.rejected(f"a mapping that takes the class apart may cost {apart}, the claim is {claim}")
        pairs += list(pairwise(members))
    return pairs


def _split(case: Case, entry: Field) -> list[Case]:
    fields = entry.table("group", "tiles")
    g = fields["group"].integer(0, case.chip.num_groups - 1)
    if case.fixed[g] >= 0:
        entry.rejected(f"group {g} lies on a tile already")
    tiles = fields["tiles"].integers(low=0, high=len(case.held) - 1)
    taken = [t for t, members in enumerate(case.held) if members]
    still = [image for image in case.chip.symmetries if all(image[t] == t for t in taken)]
    if {image[t] for t in tiles for image in still} != set(range(len(case.held))):
        fields["tiles"].rejected("a tile is neither listed nor the image of one that is")
    return [Case(case.chip, [t if i == g else old for i, old in enumerate(case.fixed)]) for t in tiles]


def _close(case: Case, entry: Field, goal: int, budget: Budget) -> None:
    """Check that values and pricing trees show of a case that it costs so many steps."""
    fields = entry.table("scale", "pi", "mu", "far", "pricing")
    chip, scale = case.chip, fields["scale"].integer(1)
    values = Values(
        fields["pi"].integers(chip.num_groups), fields["mu"].integers(len(case.held), high=0), _far(case, fields, scale)
    )
    budget.spend(len(case.held) * (len(values.far) + len(chip.reads) + chip.num_groups))
    gains, surcharges = case.worths(values, scale), case.surcharges(values)
    total, price = sum(values.pi) + sum(values.mu), scale * chip.tile_cost
    known: list[tuple[Pricing, tuple[int, int], int]] = []
    for t, place in enumerate(fields["pricing"].items(len(case.held))):
        pricing = case.pricing(t, gains[t], surcharges[t], scale)
        budget.spend(10 * pricing.num_shares)
        decided = case.held[t], case.placed & ~case.held[t]
        if isinstance(place.value, int):
            like = known[place.integer(0, t - 1)] if t else place.rejected("there is no tile before the first")
            if like[:2] != (pricing, decided):
                place.rejected(f"tile {t} has other values than tile {place.value}")
            worth = like[2]
        else:
            shown = place.table("worth", "tree")
            worth = shown["worth"].integer()
            walk(pricing, worth, shown["tree"], budget, start=decided)
        known.append((pricing, decided, worth))
        surplus = worth - price + values.mu[t]
        total -= surplus if case.held[t] else max(0, surplus)
    if total <= scale * (goal - 1):
        entry.rejected("the values do not add up to the claim")


def _far(case: Case, fields: dict[str, Field], scale: int) -> dict[tuple[int, int, int], int]:
    """Values beyond distances: read, tile, level, value, read, ..."""
    chip, place = case.chip, fields["far"]
    numbers = place.integers(low=0)
    if len(numbers) % 4:
        place.malformed("not a list of read, tile, level and value after value")
    found: dict[tuple[int, int, int], int] = {}
    for r, t, d, value in zip(*(numbers[i::4] for i in range(4)), strict=True):
        if r >= len(chip.reads) or t >= len(case.held) or d + 1 >= len(chip.levels[t]) or (r, t, d) in found:
            place.rejected(f"there is no read {r} in tile {t} beyond level {d}, or it is listed twice")
        if not case.has_levels(r, t):
            place.rejected(f"the source of read {r} is fixed, or tile {t} reads it for certain")
        if value > scale * chip.cost(chip.reads[r].spikes, chip.levels[t][d + 1] - chip.levels[t][d]):
            place.rejected(f"the value of read {r} in tile {t} beyond level {d} exceeds the distance to the next")
        found[r, t, d] = value
    return found
