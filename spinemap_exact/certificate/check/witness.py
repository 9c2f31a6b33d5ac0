"""Upper bounds: a solution is re-priced, and its limits re-checked, by plain loops over the instance."""

from __future__ import annotations

from collections import Counter

from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Instance, Mapping, Nets, Packing, Partition, Placement, Unroll


def price(instance: Instance, witness: Field) -> int:
    """Return the cost of a witness; `CertificateRejected` if it breaks a limit of the instance."""
    match instance:
        case Packing():
            return _packing(instance, witness)
        case Partition():
            return _partition(instance, witness)
        case Placement():
            return _placement(instance, witness)
        case Unroll():
            return _unroll(instance, witness)
        case Mapping():
            from spinemap_exact.certificate.check.mapping.witness import price  # which goes on from here

            return price(instance, witness)


def _packing(instance: Packing, witness: Field) -> int:
    items = len(instance.sizes)
    bins = witness.table("bin_of_item")["bin_of_item"].integers(items, 0, items - 1)
    load = [0] * items
    for b, size in zip(bins, instance.sizes, strict=True):
        load[b] += size
    for b, filled in enumerate(load):
        if filled > instance.capacity:
            witness.rejected(f"bin {b} holds {filled} of {instance.capacity}")
    return len(set(bins))


def _placement(instance: Placement, witness: Field) -> int:
    last = instance.num_tiles - 1
    tile = witness.table("tile_of_cluster")["tile_of_cluster"].integers(instance.num_clusters, 0, last)
    if len(set(tile)) != len(tile):
        witness.rejected("two clusters share a tile")
    total = sum(f * instance.distance(tile[a], tile[b]) for a, b, f in instance.flows)
    if instance.input_flow is not None and instance.io_tile is not None:
        total += sum(f * instance.distance(instance.io_tile, t) for f, t in zip(instance.input_flow, tile, strict=True))
    return total


def _partition(instance: Partition, witness: Field) -> int:
    fields = witness.table("cluster_of_unit", "crossbar_of_cluster")
    types = fields["crossbar_of_cluster"].integers(None, 0, len(instance.crossbars) - 1)
    cluster = fields["cluster_of_unit"].integers(instance.num_units, 0, len(types) - 1)
    if set(cluster) != set(range(len(types))):
        witness.rejected("a cluster holds no unit")
    if len(types) > instance.max_clusters:
        witness.rejected(f"{len(types)} clusters, {instance.max_clusters} are allowed")
    for kind, crossbar in enumerate(instance.crossbars):
        if crossbar.count is not None and types.count(kind) > crossbar.count:
            witness.rejected(f"more than {crossbar.count} crossbars of type {kind}")
    area = sum(instance.crossbars[kind].area for kind in types)
    if instance.max_area is not None and area > instance.max_area:
        witness.rejected(f"the crossbars take area {area}, {instance.max_area} is allowed")
    limits = [(instance.crossbars[kind].rows, instance.crossbars[kind].columns) for kind in types]
    _require_capacity(instance.nets, cluster, limits, witness)
    if instance.objective == "packets":
        return sum(cluster_packets(instance, {u for u, c in enumerate(cluster) if c == k}) for k in range(len(types)))
    return len(types) if instance.objective == "crossbars" else area


def cluster_packets(instance: Partition, units: set[int]) -> int:
    """Packets that enter a cluster: from every source outside, once or once for each synapse."""
    entering = [k for u in units for k in instance.nets.pres[u] if k not in units]
    once = set(entering) if instance.traffic == "per-tile" else entering
    return sum(instance.nets.spikes[k] for k in once)


def _require_capacity(nets: Nets, cluster: list[int], limits: list[tuple[int, int]], witness: Field) -> None:
    axons: list[set[int]] = [set() for _ in limits]
    columns = [0] * len(limits)
    for u, c in enumerate(cluster):
        axons[c].update(nets.pres[u])
        columns[c] += 1
    for c, (rows, width) in enumerate(limits):
        if len(axons[c]) > rows or columns[c] > width:
            witness.rejected(f"cluster {c} needs {len(axons[c])} rows of {rows} and {columns[c]} columns of {width}")


def _unroll(instance: Unroll, witness: Field) -> int:
    fields = witness.table("unit_of_synapse", "neuron_of_unit", "parent_of_unit", "cluster_of_unit")
    nets = instance.nets
    synapses = [(k, i) for k, posts in enumerate(nets.posts) for i in posts]
    neuron = fields["neuron_of_unit"].integers(None, 0, nets.num_neurons - 1)
    units = len(neuron)
    unit = fields["unit_of_synapse"].integers(len(synapses), 0, units - 1)
    parent = fields["parent_of_unit"].integers(units, -1, units - 1)
    cluster = fields["cluster_of_unit"].integers(units, 0, units - 1)
    require_trees(nets, synapses, neuron, unit, parent, witness)
    depth = depths(parent, witness)
    # what a unit reads: axons, named by their neuron, and carries, named by their unit beyond all neurons
    reads: list[set[int]] = [set() for _ in range(units)]
    for (k, _), u in zip(synapses, unit, strict=True):
        reads[u].add(k)
    for u, p in enumerate(parent):
        if p >= 0:
            reads[p].add(nets.num_neurons + u)
    _require_unroll_limits(instance, neuron, cluster, depth, reads, witness)
    if instance.objective == "crossbars":
        return len(set(cluster))
    if instance.objective == "units":
        return units
    # a spike on a synapse is carried once for every carry between its unit and the soma unit
    return sum(nets.spikes[k] * depth[u] for (k, _), u in zip(synapses, unit, strict=True))


def require_trees(
    nets: Nets, synapses: list[tuple[int, int]], neuron: list[int], unit: list[int], parent: list[int], witness: Field
) -> None:
    for (k, i), u in zip(synapses, unit, strict=True):
        if neuron[u] != i:
            witness.rejected(f"synapse {k} -> {i} ends at a unit of neuron {neuron[u]}")
    somas = [0] * nets.num_neurons
    for u, p in enumerate(parent):
        if p < 0:
            somas[neuron[u]] += 1
        elif neuron[p] != neuron[u]:
            witness.rejected(f"unit {u} sends its carry to a unit of another neuron")
    for i, count in enumerate(somas):
        if count != (not nets.is_input[i]):
            witness.rejected(f"neuron {i} has {count} soma units")


def depths(parent: list[int], witness: Field) -> list[int]:
    """Carries between each unit and its soma unit."""
    depth: list[int | None] = [0 if p < 0 else None for p in parent]
    for start in range(len(parent)):
        path: list[int] = []
        u = start
        while depth[u] is None and len(path) <= len(parent):
            path.append(u)
            u = parent[u]
        if depth[u] is None:
            witness.rejected(f"the carries of unit {start} run in a circle")
        for below in reversed(path):
            depth[below] = (depth[parent[below]] or 0) + 1
    return [d or 0 for d in depth]


def _require_unroll_limits(
    instance: Unroll, neuron: list[int], cluster: list[int], depth: list[int], reads: list[set[int]], witness: Field
) -> None:
    rows: dict[int, set[int]] = {}
    columns: dict[int, int] = {}
    for u, c in enumerate(cluster):
        rows.setdefault(c, set()).update(reads[u])
        columns[c] = columns.get(c, 0) + 1
    for c in rows:
        if len(rows[c]) > instance.rows or columns[c] > instance.columns:
            witness.rejected(f"crossbar {c} needs {len(rows[c])} rows and {columns[c]} columns")
    for name, used, limit in (
        ("crossbars", len(rows), instance.max_crossbars),
        ("units", len(neuron), instance.max_units),
        ("carries in a row", max(depth, default=0), instance.max_depth),
        ("inputs of a unit", max(map(len, reads), default=0), instance.unit_fan_in),
    ):
        if limit is not None and used > limit:
            witness.rejected(f"{used} {name}, {limit} are allowed")
    if instance.unit_fan_in is not None:
        count = Counter(neuron)
        for i, fed in enumerate(instance.nets.pres):
            due = 0 if instance.nets.is_input[i] else max(1, -((1 - len(fed)) // (instance.unit_fan_in - 1)))
            if count[i] != due:
                witness.rejected(f"neuron {i} has {count[i]} units instead of {due}")
