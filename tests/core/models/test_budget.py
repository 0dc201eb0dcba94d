import gc

from core.models.budget import Budget


class Owner:
    """Caches of ten bytes each."""

    def __init__(self, budget):
        self.budget, self.uses = budget, {}
        budget.register(self)

    def put(self, number):
        self.budget.make_room(10)
        self.uses[number] = self.budget.tick()

    def resident_bytes(self):
        return 10 * len(self.uses)

    def least_recent(self):
        return min(((used, number) for number, used in self.uses.items()), default=None)

    def evict(self, number):
        del self.uses[number]


def test_the_least_recently_used_is_evicted_first_across_owners():
    budget = Budget(30)
    one, other = Owner(budget), Owner(budget)
    one.put(1)
    other.put(2)
    one.put(3)
    other.put(4)
    assert (set(one.uses), set(other.uses)) == ({3}, {2, 4})
    other.put(5)
    other.put(6)
    assert (set(one.uses), set(other.uses)) == (set(), {4, 5, 6})
    assert budget.total_bytes() == 30


def test_a_collected_owner_no_longer_counts():
    budget = Budget(20)
    one, other = Owner(budget), Owner(budget)
    one.put(1)
    del one
    gc.collect()
    other.put(2)
    assert budget.total_bytes() == 10
