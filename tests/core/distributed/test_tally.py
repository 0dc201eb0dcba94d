"""Counts of replicas, without a cluster."""

from core.distributed.tally import ReplicaUse, Tally


def test_every_replica_has_its_own_hit_rate():
    tally = Tally()
    for replica, hit in (("a", False), ("a", True), ("a", True), ("b", False)):
        tally.count(replica, f"node of {replica}", hit)
    assert tally.uses() == {"a": ReplicaUse("node of a", 2, 1), "b": ReplicaUse("node of b", 0, 1)}
    assert [round(use.hit_rate, 2) for use in tally.uses().values()] == [0.67, 0.0]
    assert ReplicaUse("idle").hit_rate == 0.0
