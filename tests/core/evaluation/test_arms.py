"""What an arm weighs, and when its answers may be taken over."""

from dataclasses import replace

from core.evaluation.arms import key_of, parse_arms, storage_of
from core.methods.resources import Resources
from tests.models import TinyModels


def test_composed_cag_is_weighed_with_its_blocks(resources):
    (composed,) = parse_arms("composed")
    stored = storage_of(composed, resources)
    assert stored.bytes["blocks"] > stored.bytes["partition"] > 0
    assert stored.build_s > 0


def test_answers_of_composed_cag_hold_for_its_settings_alone(resources, tiny_lm, tiny_encoder):
    composed, cag = parse_arms("composed,cag")
    models = TinyModels(replace(resources.settings, link_tokens=7), tiny_lm, tiny_encoder)
    other = Resources(resources.workspace, models)
    assert key_of(composed, resources) != key_of(composed, other)
    assert key_of(cag, resources) == key_of(cag, other)
