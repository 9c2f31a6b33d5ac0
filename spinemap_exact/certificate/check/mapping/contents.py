"""Evidence ``contents``: values of neurons, synapses and axons, by which any mapping of a network is bounded.

Why it is a bound is written in ``docs/certificates.md``, section *contents*; prices are derived from the instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Mapping
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.mapping.trees import idle_cells
from spinemap_exact.certificate.check.partition.clusters import MAX_SCALE, MAX_WORK, Item, Pricing, bits_of, walk


@dataclass(frozen=True)
class Values:
    """What proves a bound, in fJ / ``scale``: by neuron, by synapse in the order of their sources, by axon."""

    scale: int
    neurons: list[int]
    synapses: list[int]
    axons: list[int]

    @property
    def total(self) -> int:
        return sum(self.neurons) + sum(self.axons)


@dataclass(frozen=True)
class Costs:
    """Least costs of one spike, in fJ."""

    instance: Mapping

    @property
    def remote(self) -> int:
        """Of a packet from another tile."""
        chip, fj = self.instance, self.instance.fj
        return fj["packet"] + min([fj["hop_x"]] * (chip.width > 1) + [fj["hop_y"]] * (chip.height > 1), default=0)

    @property
    def carry(self) -> int:
        return self.remote + self.instance.fj["synapse"]

    def outside(self, k: int) -> int:
        """Of a read in another crossbar than that of the soma unit; external inputs have none."""
        return self.instance.fj["packet"] if self.instance.nets.is_input[k] else self.remote

    def inside(self, k: int) -> int:
        """Of a read anywhere."""
        return self.outside(k) if self.instance.nets.is_input[k] else min(self.remote, self.instance.fj["local"])

    @property
    def constant(self) -> int:
        """What any mapping costs: all synapses, idle cells, and per synapse what every read costs at least."""
        chip, nets = self.instance, self.instance.nets
        total = chip.fj["idle_cell"] * idle_cells(chip)
        for k, posts in enumerate(nets.posts):
            each = self.inside(k) if chip.traffic == "per-synapse" else 0
            total += nets.spikes[k] * len(posts) * (chip.fj["synapse"] + each)
        return total


@dataclass(frozen=True)
class Contents:
    """What a crossbar may hold, as groups: soma units, neurons that are whole here, and axons, in this order.

    A neuron that is whole here needs its soma unit and all its axons, and spares the row of a carry.
    """

    instance: Mapping

    @cached_property
    def neurons(self) -> list[int]:
        return [i for i, is_input in enumerate(self.instance.nets.is_input) if not is_input]

    @cached_property
    def read(self) -> list[int]:
        return [k for k, posts in enumerate(self.instance.nets.posts) if posts]

    @cached_property
    def soma(self) -> dict[int, int]:
        """Group of the soma unit of each neuron; that of the whole neuron follows after all of them."""
        return {i: g for g, i in enumerate(self.neurons)}

    @cached_property
    def axon(self) -> dict[int, int]:
        """Group of each axon."""
        return {k: 2 * len(self.neurons) + g for g, k in enumerate(self.read)}

    def whole(self, i: int) -> int:
        return len(self.neurons) + self.soma[i]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Units of each group, which take columns: only soma units do."""
        return [[i] for i in self.neurons] + [[] for _ in range(len(self.neurons) + len(self.read))]

    @cached_property
    def axons(self) -> list[int]:
        """Axons that each group reads for certain, as a bit mask."""
        pres = self.instance.nets.pres
        needed = [sum(1 << k for k in pres[i]) for i in self.neurons]
        return [0] * len(self.neurons) + needed + [1 << k for k in self.read]

    @cached_property
    def foes(self) -> list[int]:
        return [0] * len(self.groups)

    def fits(self, content: int) -> bool:
        members = list(bits_of(content))
        rows = reduce(or_, (self.axons[g] for g in members), 0).bit_count()
        return rows <= self.instance.max_rows and sum(len(self.groups[g]) for g in members) <= self.instance.max_columns

    def pricing(self, values: Values) -> Pricing:
        """What contents are worth."""
        worths = [values.neurons[i] for i in self.neurons] + [0] * len(self.neurons)
        worths += [values.axons[k] for k in self.read]
        return Pricing(self, [*self._of_axons(values), *self._of_synapses(values), *self._of_neurons(values)], worths)

    def _of_axons(self, values: Values) -> list[Item]:
        """A row for each, and its read: at home, and the way beside if the soma unit of the source is not here."""
        costs, nets, items = Costs(self.instance), self.instance.nets, []
        shared = values.scale * (self.instance.traffic == "per-tile")
        for k, g in self.axon.items():
            near = shared * nets.spikes[k] * costs.inside(k)
            items.append(Item(near, True, None, (g,)))
            if not nets.is_input[k]:
                items.append(Item(shared * nets.spikes[k] * costs.outside(k) - near, False, self.soma[k], (g,)))
        return items

    def _of_synapses(self, values: Values) -> list[Item]:
        """What a soma unit loses without an axon; per synapse the lesser of that and the way from another crossbar."""
        costs, nets, items = Costs(self.instance), self.instance.nets, []
        pairs = ((k, i) for k, posts in enumerate(nets.posts) for i in posts)
        for (k, i), lost in zip(pairs, values.synapses, strict=True):
            far = 0
            if self.instance.traffic == "per-synapse" and k in self.soma and k != i:
                far = min(lost, values.scale * nets.spikes[k] * (costs.outside(k) - costs.inside(k)))
                items.append(Item(far, False, self.soma[k], (self.soma[i],)))
            items.append(Item(lost - far, False, self.axon[k], (self.soma[i],)))
        return items

    def _of_neurons(self, values: Values) -> list[Item]:
        """The row of a carry, unless the neuron is whole here; that needs its soma unit and all its axons."""
        items, beyond = [], 1 + sum(map(abs, values.neurons)) + sum(values.axons)
        for i, g in self.soma.items():
            pres, whole = self.instance.nets.pres[i], self.whole(i)
            if pres:
                items.append(Item(0, True, whole, (g,), spared=True))
            items += [Item(beyond, False, owner, (whole,)) for owner in (g, *(self.axon[k] for k in pres))]
        return items


@proves("contents", Mapping)
def prove(instance: Mapping, evidence: Field, claim: int | None) -> int:
    """Show that no mapping of the network costs less than the claim, and return the claim.

    A content with the soma units H and the axons Q is worth the values of both, less those of the synapses of H whose
    axons are not in Q, less the reads of Q. If none that fits is worth more than V >= 0, no mapping in B crossbars
    costs less than a constant and (all values of neurons and of axons - B V) / ``scale``.
    """
    fields = evidence.table("kind", "scale", "neurons", "synapses", "axons", "pricing")
    if claim is None:
        evidence.rejected("proves bounds, not infeasibility")
    if instance.objective != "energy":
        evidence.rejected(f"speaks of energy, the objective is {instance.objective}")
    values = _values(instance, fields)
    most = most_worth(instance, values, claim)
    if most < 0:
        evidence.rejected("the values do not add up to the claim")
    pricing, budget = Contents(instance).pricing(values), Budget(MAX_WORK)
    budget.spend(10 * pricing.num_shares)
    walk(pricing, most, fields["pricing"], budget)
    return claim


def most_worth(instance: Mapping, values: Values, claim: int) -> int:
    """Most that a content may be worth if the values are to prove the claim; negative if they do not add up."""
    beyond = values.scale * (claim - Costs(instance).constant - 1)
    return (values.total - beyond - 1) // instance.most_crossbars


def _values(instance: Mapping, fields: dict[str, Field]) -> Values:
    """Read them; a synapse is worth no more than its carry costs."""
    nets, scale = instance.nets, fields["scale"].integer(1, MAX_SCALE)
    n, carry = nets.num_neurons, Costs(instance).carry
    values = Values(
        scale,
        fields["neurons"].integers(n),
        fields["synapses"].integers(sum(map(len, nets.posts)), low=0),
        fields["axons"].integers(n, low=0),
    )
    dearest = (scale * s * carry for s, posts in zip(nets.spikes, nets.posts, strict=True) for _ in posts)
    for e, (value, limit) in enumerate(zip(values.synapses, dearest, strict=True)):
        if value > limit:
            fields["synapses"].rejected(f"synapse {e} is worth {value}, its carry costs {limit}")
    for k, is_input in enumerate(nets.is_input):
        if is_input and values.neurons[k]:
            fields["neurons"].rejected(f"external input {k} has no soma unit")
        if not nets.posts[k] and values.axons[k]:
            fields["axons"].rejected(f"nobody reads axon {k}")
    return values
