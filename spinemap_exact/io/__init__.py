"""Readers and writers, one file a format, and the choice among them.

Nothing is imported before it is needed: NIR and SONATA files ask for the extras ``nir`` and ``sonata``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spinemap_exact.errors import InvalidInput, MissingExtra, unknown

if TYPE_CHECKING:
    from spinemap_exact.network import Network
    from spinemap_exact.problems.packing import PackingProblem
    from spinemap_exact.problems.partition import PartitionProblem
    from spinemap_exact.problems.placement import PlacementProblem
    from spinemap_exact.problems.unroll import UnrollProblem

    AnyProblem = PackingProblem | PartitionProblem | PlacementProblem | UnrollProblem

NETWORK_FORMATS = (
    ".nir (NIR graph), .npz (native, or a sparse matrix of scipy), .csv, .tsv or .txt (edge list), .json (TENNLab, or "
    "a partition or unroll problem), .mtx or .npy (matrix), .graphml, .hgr (hMETIS), SONATA (a config.json or the "
    "folder that holds it)"
)
SPIKE_FORMATS = (
    ".csv, .tsv or .txt (neuron,spikes[,input], or events neuron,time), .dat or .gdf (NEST), .npy or .npz (time x "
    "neurons), .h5 (SONATA)"
)
PROBLEM_KINDS = ("qap", "noc", "packing", "partition", "unroll", "placement")
_EDGE_LISTS = (".csv", ".tsv", ".txt")
_SUFFIXES = (".nir", ".npz", ".npy", ".mtx", ".graphml", ".hgr")
_SONATA_CONFIGS = ("config.json", "circuit_config.json", "simulation_config.json")


class NetworkReader(Protocol):
    """What every reader of networks looks like."""

    def __call__(
        self, path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
    ) -> tuple[Network, list[str]]: ...


def read_network(
    path: str | Path,
    *,
    spikes: str | Path | None = None,
    weight_threshold: float = 0.0,
    where: Mapping[str, str] | None = None,
    pooling_neurons: bool = False,
) -> tuple[Network, list[str]]:
    """Read a network in any of `NETWORK_FORMATS`, told by suffix and content.

    Parameters
    ----------
    path : path
        A file, or the folder of a SONATA circuit.
    spikes : path, optional
        A recording in any of `SPIKE_FORMATS`; it replaces what the file itself brings. Without any, every neuron
        counts one spike, and a note says that traffic is assumed.
    weight_threshold : float
        Synapses of at most this absolute weight are dropped. Zero weights are no synapses in formats that store
        matrices; formats that list synapses keep them unless the threshold is positive.
    where : mapping of str to str, optional
        For edge lists: read only lines with these values, as in ``{"type": "chemical"}``.
    pooling_neurons : bool
        For NIR: the outputs of pooling nodes are neurons; see `nir.read_nir`.

    Returns
    -------
    network : Network
    notes : list of str
        What was merged, kept, dropped or assumed; one sentence each.

    Raises
    ------
    InvalidInput
        In one sentence that names the culprit.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("edges.csv").write_text("pre,post,weight\\n0,2,0.5\\n1,2,-1\\n")
    >>> network, notes = read_network("edges.csv")
    >>> network
    <Network: 3 neurons, 2 synapses, one spike each assumed>
    >>> notes
    ['no spike counts were given: traffic is assumed, one spike for every neuron']
    """
    path = Path(path)
    try:
        return _read_network(path, spikes, weight_threshold, where, pooling_neurons)
    except MissingExtra:
        raise
    except InvalidInput as defect:
        if any(file is not None and Path(file).name in str(defect) for file in (path, spikes)):
            raise
        raise InvalidInput(f"{path}: {defect}") from defect


def _read_network(
    path: Path,
    spikes: str | Path | None,
    weight_threshold: float,
    where: Mapping[str, str] | None,
    pooling_neurons: bool,
) -> tuple[Network, list[str]]:
    if where:
        from spinemap_exact.io.edge_list import read_edge_list

        if path.suffix.lower() not in _EDGE_LISTS:
            raise InvalidInput(f"{path} is no edge list: only columns of edge lists can be asked for with where")
        return read_edge_list(path, spikes=spikes, weight_threshold=weight_threshold, where=where)
    if pooling_neurons:
        from spinemap_exact.io.nir import read_nir

        if path.suffix.lower() != ".nir":
            raise InvalidInput(f"{path} is no NIR graph: only those have pooling nodes")
        return read_nir(path, spikes=spikes, weight_threshold=weight_threshold, pooling_neurons=True)
    return _reader(path)(path, spikes=spikes, weight_threshold=weight_threshold)


def write_network(path: str | Path, network: Network) -> None:
    """Write a network: ``.npz`` (native) or ``.csv`` and ``.tsv`` (edge list, spike counts beside it).

    Parameters
    ----------
    path : path
    network : Network

    Raises
    ------
    InvalidInput
        If the suffix is another, or the file cannot be written.

    Examples
    --------
    >>> from spinemap_exact import Network
    >>> network = Network.from_synapses([0, 1], [1, 2], spikes=[2, 5, 0])
    >>> write_network("mine.npz", network)
    >>> read_network("mine.npz")[0].digest == network.digest
    True
    """
    path = Path(path)
    match path.suffix.lower():
        case ".npz":
            from spinemap_exact.io.native import write_native

            write_native(path, network)
        case ".csv" | ".tsv":
            from spinemap_exact.io.edge_list import write_edge_list

            write_edge_list(path, network)
        case suffix:
            raise InvalidInput(f"cannot write {path}: networks are written as .npz, .csv or .tsv, not {suffix!r}")


@dataclass(frozen=True)
class ProblemFile:
    """A problem read from a file.

    Attributes
    ----------
    problem : PackingProblem, PartitionProblem, PlacementProblem or UnrollProblem
    notes : list of str
    scale : int
        The objective of the problem is this many times that of the file (fractional core graphs).
    transposed : bool
        True if a QAPLIB file lists the distances first.
    cores : tuple of str, optional
        What a core graph calls its clusters.
    """

    problem: AnyProblem
    notes: list[str]
    scale: int = 1
    transposed: bool = False
    cores: tuple[str, ...] | None = None


def read_problem(path: str | Path, kind: str, **options: Any) -> tuple[AnyProblem, list[str]]:
    """Read one bare problem and what is to be said about it; see `read_problem_file`."""
    found = read_problem_file(path, kind, **options)
    return found.problem, found.notes


def read_problem_file(path: str | Path, kind: str, **options: Any) -> ProblemFile:
    """Read one bare problem in its public format.

    Parameters
    ----------
    path : path
    kind : str
        ``qap`` (QAPLIB), ``noc`` (core graph; option ``mesh``), ``packing`` (text), or ``partition`` (options
        ``clusters``, ``traffic``, ``objective``, ``rows``, ``columns``, ``max_area``), ``unroll`` (options
        ``objective``, ``unit_fan_in``, ``max_depth``, ``max_crossbars``, ``max_units``, ``rows``, ``columns``) and
        ``placement``, all JSON.
    **options
        Those that are None count as not given.

    Raises
    ------
    InvalidInput
        If the file cannot be used, or an option does not belong to the kind of problem.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if kind not in _PROBLEM_OPTIONS:
        raise InvalidInput(unknown("kind of problem", kind, PROBLEM_KINDS))
    if strange := sorted(set(given) - set(_PROBLEM_OPTIONS[kind])):
        known = ", ".join(_PROBLEM_OPTIONS[kind]) or "none"
        raise InvalidInput(f"the option {strange[0]!r} does not belong to a {kind} problem; its options: {known}")
    match kind:
        case "qap":
            from spinemap_exact.io.qaplib import read_qaplib

            qap = read_qaplib(path)
            return ProblemFile(qap.problem, qap.notes, transposed=qap.transposed)
        case "noc":
            from spinemap_exact.io.core_graph import read_core_graph

            if "mesh" not in given:
                raise InvalidInput("a noc problem needs the option mesh, as in 4x4")
            graph = read_core_graph(path, **given)
            return ProblemFile(graph.problem, graph.notes, scale=graph.scale, cores=graph.names)
        case "packing":
            from spinemap_exact.io.bin_packing import read_bin_packing

            return ProblemFile(*read_bin_packing(path))
        case "partition":
            from spinemap_exact.io.problem_json import read_partition

            return ProblemFile(*read_partition(path, **given))
        case "unroll":
            from spinemap_exact.io.problem_json import read_unroll

            return ProblemFile(*read_unroll(path, **given))
        case _:
            from spinemap_exact.io.problem_json import read_placement

            return ProblemFile(*read_placement(path))


_PROBLEM_OPTIONS: dict[str, tuple[str, ...]] = {
    "qap": (),
    "noc": ("mesh",),
    "packing": (),
    "partition": ("clusters", "traffic", "objective", "rows", "columns", "max_area"),
    "unroll": ("objective", "unit_fan_in", "max_depth", "max_crossbars", "max_units", "rows", "columns"),
    "placement": (),
}


def _reader(path: Path) -> NetworkReader:
    is_json = path.suffix.lower() == ".json" or (path.suffix.lower() in _EDGE_LISTS and _holds_json(path))
    if path.is_dir() or (path.suffix.lower() in (*_SUFFIXES, *_EDGE_LISTS) and not is_json):
        return _reader_by_suffix(path)
    if not is_json:
        raise InvalidInput(f"{path} is not a network file; readable: {NETWORK_FORMATS}")
    from spinemap_exact.files import read_json_table
    from spinemap_exact.io import problem_json, sonata, tennlab

    table = read_json_table(path)
    if tennlab.is_tennlab(table):
        return tennlab.read_tennlab
    if problem_json.is_problem(table):
        return problem_json.read_problem_network
    if sonata.is_config(table):
        return sonata.read_sonata
    raise InvalidInput(f"{path} is JSON, but neither TENNLab nor SONATA nor a partition or unroll problem")


def _holds_json(path: Path) -> bool:
    """Tell a table of JSON under the suffix of an edge list by its first character."""
    from spinemap_exact.files import MOST_BYTES, reading, require_regular

    require_regular(path, MOST_BYTES)
    with reading(path), path.open("rb") as file:
        return file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _reader_by_suffix(path: Path) -> NetworkReader:
    if path.is_dir():
        if not any((path / name).is_file() for name in _SONATA_CONFIGS):
            raise InvalidInput(f"{path} is a folder without a SONATA {', '.join(_SONATA_CONFIGS)}")
        from spinemap_exact.io.sonata import read_sonata

        return read_sonata
    if path.suffix.lower() == ".nir":
        from spinemap_exact.io.nir import read_nir

        return read_nir
    if path.suffix.lower() == ".graphml":
        from spinemap_exact.io.graphml import read_graphml

        return read_graphml
    if path.suffix.lower() == ".hgr":
        from spinemap_exact.io.hypergraph import read_hypergraph

        return read_hypergraph
    if path.suffix.lower() in (".mtx", ".npy", ".npz"):
        from spinemap_exact.io.matrices import is_sparse_archive, read_matrix
        from spinemap_exact.io.native import read_native

        return read_native if path.suffix.lower() == ".npz" and not is_sparse_archive(path) else read_matrix
    from spinemap_exact.io.edge_list import read_edge_list

    return read_edge_list
