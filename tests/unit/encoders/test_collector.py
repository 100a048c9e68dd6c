"""What is loaded while the collector pauses is old afterwards."""

import gc

from backend.encoders.encoders import _collector_paused


def test_collector_paused__leaves_nothing_young() -> None:
    assert gc.isenabled()
    with _collector_paused():
        kept = [[number] for number in range(10_000)]
        assert not gc.isenabled()

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    young = {id(one) for generation in (0, 1) for one in gc.get_objects(generation)}
    assert not any(id(one) in young for one in kept)
