from core.stores.alignment import align, shared
from core.stores.base import Hit


def hits(ids):
    return [Hit(passage_id, 1.0) for passage_id in ids]


def test_each_hit_knows_where_the_other_list_has_it():
    ranks = align(hits("abc"), hits("acd"))
    assert [(rank.left.hit.passage_id, rank.left.other_rank) for rank in ranks] == [("a", 1), ("b", None), ("c", 2)]
    assert [(rank.right.hit.passage_id, rank.right.other_rank) for rank in ranks] == [("a", 1), ("c", 3), ("d", None)]
    assert shared(ranks) == 2


def test_lists_may_differ_in_length():
    ranks = align(hits("ab"), hits(""))
    assert [rank.right for rank in ranks] == [None, None] and shared(ranks) == 0
    assert align([], []) == []
