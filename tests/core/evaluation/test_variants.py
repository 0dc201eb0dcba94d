"""What a method weighs, and when its answers may be taken over."""

from dataclasses import replace

import pytest

from core.evaluation.variants import key_of, parse_variants, storage_of
from core.memory import store
from core.methods.resources import Resources
from tests.models import TinyModels


def test_cag_is_weighed_with_its_blocks(resources):
    (cag,) = parse_variants("cag")
    stored = storage_of(cag, resources)
    assert stored.bytes["blocks"] > stored.bytes["partition"] > 0
    assert stored.build_s > 0


def test_what_all_documents_share_counts_once(resources):
    (memory,) = parse_variants("memory")
    stored = storage_of(memory, resources)
    folder = resources.workspace.folder("memory")
    shared = sum((folder / name).stat().st_size for name in (store.PARTS, store.LORA))
    assert stored.shared_bytes == shared > 0
    assert stored.per_1000 == pytest.approx((stored.bytes["memory"] - shared) * 1000 / stored.documents + shared)
    (rag,) = parse_variants("rag")
    assert storage_of(rag, resources).shared_bytes == 0


def test_answers_of_cag_hold_for_its_settings_alone(resources, tiny_lm, tiny_encoder):
    cag, rag = parse_variants("cag,rag")
    models = TinyModels(replace(resources.settings, nprobe=1), tiny_lm, tiny_encoder)
    other = Resources(resources.workspace, models, models.settings)
    assert key_of(cag, resources) != key_of(cag, other)
    assert key_of(rag, resources) == key_of(rag, other)
