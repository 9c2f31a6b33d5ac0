"""Run methods on suites of problems: resumable, in parallel, one line a run.

From Python, with a heuristic of one's own::

    from spinemap_exact.bench import read_suite, run_suite
    from spinemap_exact.result import Limits

    run_suite(read_suite("suite.toml"), ["anneal", "my_module:my_heuristic"], range(5), Limits(10.0), "runs.jsonl")
"""

from spinemap_exact.bench.runner import Tally, run_suite
from spinemap_exact.bench.store import Store, read_runs
from spinemap_exact.bench.suite import Case, read_suite

__all__ = ["Case", "Store", "Tally", "read_runs", "read_suite", "run_suite"]
