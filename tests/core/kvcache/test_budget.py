import gc

from core.kvcache.budget import Budget


class Shelf:
    """Keeps things of ten bytes each."""

    def __init__(self, budget):
        self.budget, self.kept, self.pinned = budget, {}, set()
        budget.join(self)

    def put(self, number):
        self.budget.make_room(10)
        self.kept[number] = self.budget.use()

    def held_bytes(self):
        return 10 * len(self.kept)

    def pinned_bytes(self):
        return 10 * len(self.pinned)

    def oldest(self):
        return min(((used, number) for number, used in self.kept.items() if number not in self.pinned), default=None)

    def evict(self, number):
        del self.kept[number]


def test_what_was_used_longest_ago_goes_first_whoever_keeps_it():
    budget = Budget(30)
    one, other = Shelf(budget), Shelf(budget)
    one.put(1)
    other.put(2)
    one.put(3)
    other.put(4)
    assert (set(one.kept), set(other.kept)) == ({3}, {2, 4})
    other.put(5)
    other.put(6)
    assert (set(one.kept), set(other.kept)) == (set(), {4, 5, 6})
    assert budget.held() == 30


def test_what_is_pinned_stays():
    budget = Budget(20)
    one, other = Shelf(budget), Shelf(budget)
    one.put(1)
    one.pinned.add(1)
    other.put(2)
    other.put(3)
    assert (set(one.kept), set(other.kept)) == ({1}, {3})
    assert budget.pinned() == 10


def test_who_is_gone_counts_no_more():
    budget = Budget(20)
    one, other = Shelf(budget), Shelf(budget)
    one.put(1)
    del one
    gc.collect()
    other.put(2)
    assert budget.held() == 10
