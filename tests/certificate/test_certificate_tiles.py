"""Evidence of given units on tiles: against enumeration, from values drawn at random, and changed in every place."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from certificate_cases import claim, mutants
from oracle import mappings, optimum, random_mapping_problem, random_network

from spinemap_exact import heuristics
from spinemap_exact.certificate import check
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import read as read_instance
from spinemap_exact.certificate.check.mapping.on_tiles import Case, Chip
from spinemap_exact.certificate.check.mapping.sources import Units
from spinemap_exact.certificate.check.partition.clusters import Case as Grouping
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.proofs.mapping import tiles as tile_proof
from spinemap_exact.result import Limits, Status, Watch
from spinemap_exact.solvers.mapping.branch_price import solve
from spinemap_exact.solvers.mapping.branch_price._anchors import Multipliers
from spinemap_exact.solvers.mapping.branch_price._node import Proof

FLAWS = (CertificateMalformed, CertificateRejected)


def patient() -> Watch:
    return Watch(Limits(time_s=None, workers=1))


def proven(problem: MappingProblem, start: Mapping | None = None):
    """The strongest certificate of an optimal mapping."""
    result = solve(problem, patient(), start)
    assert result.status is Status.OPTIMAL
    return best_proof.certificate(problem, result, patient())


def agree(seeds) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for seed in seeds:
        problem = random_mapping_problem(seed)
        best = optimum(problem)
        if best is None:
            continue
        certificate = proven(problem)
        assert (certificate.lower, certificate.upper) == (best, best), seed
        assert check.check(problem, certificate).lower == best
        kind = certificate.evidence["kind"]
        kinds[kind] = kinds.get(kind, 0) + 1
        with pytest.raises(FLAWS):
            check.check(problem, claim(problem, best + 1, certificate.evidence))
    return kinds


def test_every_optimum_is_certified():
    kinds = agree(range(25))
    assert kinds["clusters-on-tiles"] > 5


@pytest.mark.slow
def test_every_optimum_is_certified_in_hundreds_of_cases():
    agree(range(25, 500))


def layers(seed: int) -> MappingProblem:
    """Two dense inputs, four units and two, three to a crossbar: the two lie together in good mappings."""
    rng = np.random.default_rng(seed)
    pairs = [(6 + k, u) for k in range(2) for u in range(4)] + [(u, 4 + v) for u in range(4) for v in range(2)]
    pre, post = np.array(sorted(pairs)).T
    network = Network.from_synapses(pre, post, rng.integers(1, 2**12, 8), is_input=np.arange(8) >= 6)
    costs = CostModel(**{name: int(rng.integers(1, 2**8)) for name in CostModel.__dataclass_fields__})
    hardware = Hardware("tiny", TileGrid(2, 2), (Crossbar(5, 3),), costs)
    return MappingProblem(network, hardware, unrolling=Unrolling.identity(network))


@pytest.fixture(scope="module")
def classed():
    """A problem, the certificate of its optimum, and the optimum; the tree merges units, and has several entries."""
    problem = layers(1)
    best, tiles = min(mappings(problem))
    used, cluster = np.unique(tiles, return_inverse=True)
    certificate = proven(problem, Mapping(problem.unrolling, Partition(cluster.ravel()), Placement(used)))
    assert certificate.evidence["kind"] == "clusters-on-tiles"
    assert certificate.evidence["classes"]
    return problem, certificate, best


def test_units_are_read_as_they_are_mapped():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        network = random_network(rng, 5, 3, density=0.8)
        rows = max(2, int(network.fan_in.max()) // 2)
        packed = heuristics.load("unroll", "chain")(UnrollProblem(network, rows, 4), patient())
        hardware = Hardware("chip", TileGrid(3, 3), (Crossbar(rows, 4),), CostModel())
        problem = MappingProblem(network, hardware, unrolling=packed.unrolling)
        raw = read_instance(problem).instance
        own, units = Units.of(raw, Field(None, "x")), packed.unrolling.unit_network(network)
        assert own.nets.spikes == units.spikes.tolist()
        assert own.nets.posts == [units.fan_out_of(k).tolist() for k in range(units.num_neurons)]
        assert own.nets.is_input == units.is_input.tolist()


@pytest.mark.parametrize("seed", range(60))
def test_what_sources_cost_by_themselves_bounds_all_mappings(seed):
    problem = random_mapping_problem(seed)
    evidence = tile_proof.counted(problem, lambda: False)
    bound = check.verified(problem, evidence, None).lower
    assert all(bound <= energy for energy, _ in mappings(problem))


@pytest.mark.parametrize("traffic", list(Traffic))
@pytest.mark.parametrize("seed", range(40))
def test_any_values_prove_no_more_than_holds(seed, traffic):
    """Integers drawn at random, with exact worths of all clusters: what the checker accepts undercuts every mapping."""
    rng = np.random.default_rng(seed)
    given = random_mapping_problem(seed, units=4)
    problem = MappingProblem(given.network, given.hardware, traffic, unrolling=given.unrolling)
    found = list(mappings(problem))
    units = Units.of(read_instance(problem).instance, Field(None, "x"))
    chip = Chip(units, Grouping(units.problem))
    best = min((energy for energy, _ in found), default=None)
    for _ in range(4):
        proof = drawn(chip, rng)
        steps = -(-proof.value // proof.scale)
        claimed = units.constant + steps * units.step
        if best is None or not claimed >= 0:
            continue
        writer = tile_proof._Writer(chip, steps, lambda: False)
        leaf = writer._leaf(Case(chip, [-1] * 4), proof)
        assert leaf is not None
        evidence = {"kind": "clusters-on-tiles", "cliques": [], "classes": [], "tree": [leaf]}
        assert check.verified(problem, evidence, claimed).lower == claimed
        assert claimed <= best


def drawn(chip: Chip, rng: np.random.Generator) -> Proof:
    """Values at random, and what no cluster is worth more than by trying all."""
    tiles, n, scale = chip.units.num_tiles, chip.num_groups, int(rng.integers(1, 4))
    case = Case(chip, [-1] * n)
    most = max(2, sum(chip.cost(read.spikes, max(map(max, chip.way))) for read in chip.reads) // 2)
    rows, gamma = [], []
    for r, read in enumerate(chip.reads):
        for t in range(tiles):
            for d in range(len(chip.levels[t]) - 1):
                if case.has_levels(r, t) and rng.random() < 0.5:
                    rows.append((r, t, d))
                    step = chip.cost(read.spikes, chip.levels[t][d + 1] - chip.levels[t][d])
                    gamma.append(int(rng.integers(0, scale * step + 1)))
    pi, mu = rng.integers(-most // 4, most, n), -rng.integers(0, most, tiles)
    multipliers = Multipliers(pi, mu, np.array(gamma, dtype=np.int64), np.array(rows, dtype=np.int64).reshape(-1, 3))
    writer = tile_proof._Writer(chip, 0, lambda: False)
    values = writer._values(case, multipliers, 1)
    gains, surcharges = case.worths(values, scale), case.surcharges(values)
    worths, total = [], int(pi.sum() + mu.sum())
    for t in range(tiles):
        prices = [case.outside(r, t, surcharges[t].get(r, 0), scale) for r in range(len(chip.reads))]
        fitting = (cluster for cluster in range(1 << n) if chip.grouping.fits(cluster))
        worth = max(worth_of(chip, cluster, gains[t], prices, scale) for cluster in fitting)
        worths.append(worth)
        total -= max(0, worth - scale * chip.tile_cost + int(mu[t]))
    return Proof(multipliers, scale, tuple(worths), total)


def worth_of(chip: Chip, cluster: int, gain: list[int], outside: list[int], scale: int) -> int:
    worth = sum(value for g, value in enumerate(gain) if cluster >> g & 1)
    for read, price in zip(chip.reads, outside, strict=True):
        if any(cluster >> g & 1 for g in read.readers):
            at_home = read.home is not None and cluster >> read.home & 1
            worth -= min(price, scale * chip.inside(read)) if at_home else price
    return worth


@pytest.mark.parametrize("most", [400, pytest.param(6000, marks=pytest.mark.slow)])
def test_no_change_proves_more(classed, most):
    problem, certificate, best = classed
    rng = np.random.default_rng(most)
    for path, change, changed in mutants(certificate.evidence, rng, most):
        try:
            check.verified(problem, changed, best + 1)
        except FLAWS:
            continue
        raise AssertionError(f"{path} -> {change} proves {best + 1}")


def changed(evidence, place: str):
    """The evidence with one lie in it."""
    evidence = copy.deepcopy(evidence)
    split = next(entry for entry in evidence["tree"] if "group" in entry)
    leaf = next(entry for entry in evidence["tree"] if "pi" in entry)
    match place:
        case "class":
            evidence["classes"].append([0, 5])
        case "tiles":
            split["tiles"] = split["tiles"][:-1]
        case "mu":
            leaf["mu"][0] = 1
        case "pi":
            leaf["pi"][0] += 10**11
        case "worth":
            next(p for p in leaf["pricing"] if isinstance(p, dict))["worth"] = -(10**12)
        case "far":
            leaf["far"] = [0, 0, 0, 2**39]
    return evidence


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("class", "do not read the same sources"),
        ("tiles", "neither listed nor the image"),
        ("mu", "outside"),
        ("pi", "may be worth|do not add up|the tree ends"),
        ("worth", "may be worth"),
        ("far", "fixed, or tile 0 reads it|exceeds the distance|there is no read"),
    ],
)
def test_a_lie_is_named(classed, place, reason):
    problem, certificate, best = classed
    with pytest.raises(CertificateRejected, match=reason):
        check.verified(problem, changed(certificate.evidence, place), best)


def test_a_class_that_cheap_mappings_take_apart_is_none(classed):
    problem, certificate, best = classed
    with pytest.raises(CertificateRejected, match="takes the class apart may cost"):
        check.verified(problem, certificate.evidence, 10 * best)


def test_units_that_are_not_given_have_no_such_evidence(classed):
    problem, certificate, best = classed
    free = MappingProblem(problem.network, problem.hardware)
    for kind in ({"kind": "sources", "cliques": []}, certificate.evidence):
        with pytest.raises(CertificateRejected, match="speaks of given units"):
            check.verified(free, kind, best)


@pytest.mark.parametrize(("width", "refused"), [(1024, False), (1025, True)])
def test_a_mesh_too_large_to_measure_is_refused_before_it_is(width, refused):
    """Distances of all pairs of tiles would fill the memory: the writer steps aside, the checker says so."""
    network = Network.from_synapses([0], [1], [3, 0])
    hardware = Hardware("long", TileGrid(width, 1), (Crossbar(1, 1),), CostModel(packet_fj=1))
    problem = MappingProblem(network, hardware, unrolling=Unrolling.identity(network))
    assert (tile_proof.counted(problem, lambda: False) is None) is refused
    if refused:
        with pytest.raises(CertificateRejected, match="1025 x 1 tiles are more than 1024"):
            check.verified(problem, {"kind": "sources", "cliques": []}, 0)
