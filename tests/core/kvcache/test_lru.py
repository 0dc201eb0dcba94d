import threading

import pytest

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.kvcache.build import build_cells
from core.kvcache.lru import ResidentCaches
from core.kvcache.store import CacheStore
from core.models.budget import Budget


@pytest.fixture()
def store(tmp_path, tiny_lm, tiny_corpus):
    passages = tiny_corpus.passages
    cells = [list(passages[start : start + 2]) for start in range(0, 8, 2)]
    list(build_cells(tmp_path, tiny_lm, cells, {}))
    return CacheStore(tmp_path)


def room_for(store, count):
    return sum(sorted((store.entry(cell).bytes for cell in range(4)), reverse=True)[:count])


def test_a_second_question_of_a_cell_is_a_hit(store, tiny_lm):
    resident = ResidentCaches(store, tiny_lm, 10**9)
    first, hit = resident.get(1)
    assert not hit
    again, hit = resident.get(1)
    assert hit
    assert again is first
    stats = resident.stats()
    assert (stats.hits, stats.misses, stats.evictions) == (1, 1, 0)
    assert stats.bytes == first.bytes


def test_the_least_recently_used_goes_first_and_the_budget_holds(store, tiny_lm):
    resident = ResidentCaches(store, tiny_lm, room_for(store, 2))
    resident.get(0)
    resident.get(1)
    resident.get(0)
    resident.get(2)
    stats = resident.stats()
    assert stats.cells == (0, 2)
    assert stats.evictions == 1
    assert stats.bytes <= stats.budget


def test_a_cache_above_the_budget_is_refused(store, tiny_lm):
    resident = ResidentCaches(store, tiny_lm, 100)
    with pytest.raises(TesseraError, match="budget") as refusal:
        resident.get(0)
    assert "TESSERA_CACHE_BYTES" in refusal.value.remedy


def test_the_budget_counts_what_caches_take_in_memory_not_on_disk(tmp_path, tiny_lm, tiny_corpus):
    cells = [list(tiny_corpus.passages[:2]), list(tiny_corpus.passages[2:4])]
    list(build_cells(tmp_path, tiny_lm, cells, {}, precision="int4"))
    store = CacheStore(tmp_path)
    in_memory = store.entry(0).tokens * tiny_lm.kv_bytes_per_token
    assert store.entry(0).bytes < in_memory / 3
    with pytest.raises(TesseraError, match="budget"):
        ResidentCaches(store, tiny_lm, in_memory - 1).get(0)
    resident = ResidentCaches(store, tiny_lm, in_memory)
    assert resident.get(0)[0].bytes == resident.stats().bytes == in_memory


def test_a_cell_in_memory_is_refused_for_other_tokens(store, tiny_lm, tiny_corpus):
    resident = ResidentCaches(store, tiny_lm, 10**9)
    resident.get(0)
    assert resident.get(0, tiny_lm.prompt.context(tiny_corpus.passages[:2]))[1]
    with pytest.raises(ArtefactStale, match="changed"):
        resident.get(0, tiny_lm.prompt.context(tiny_corpus.passages[1:2]))


def test_a_rebuilt_cell_is_read_again(store, tiny_lm, tiny_corpus):
    resident = ResidentCaches(store, tiny_lm, 10**9)
    old, _ = resident.get(0)
    list(build_cells(store.folder, tiny_lm, [list(tiny_corpus.passages[8:])], {}))
    new, hit = resident.get(0)
    assert not hit
    assert new.passage_ids != old.passage_ids
    with pytest.raises(ArtefactMissing):
        resident.get(1)


def test_threads_share_one_copy(store, tiny_lm):
    resident = ResidentCaches(store, tiny_lm, 10**9)
    found = []
    threads = [threading.Thread(target=lambda: found.append(resident.get(3)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(loaded) for loaded in found}) == 1
    stats = resident.stats()
    assert (stats.hits, stats.misses) == (7, 1)


def test_several_share_a_budget_and_the_longest_unused_cell_goes_whoever_read_it(store, tiny_lm):
    budget = Budget(room_for(store, 2))
    one, other = ResidentCaches(store, tiny_lm, budget), ResidentCaches(store, tiny_lm, budget)
    one.get(0)
    other.get(1)
    other.get(2)
    assert one.stats().cells == ()
    assert one.stats().evictions == 1
    assert other.stats().cells == (1, 2)
    assert budget.total_bytes() == one.stats().bytes + other.stats().bytes <= budget.limit
    assert not one.get(0)[1], "a miss"
    assert other.stats().cells == (2,)
