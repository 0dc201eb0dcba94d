import pytest
import torch

from core.errors import TesseraError
from core.models.rerotate import rotary_frequencies, rotate, rotation
from tests.models import tiny_language_model


def keys_at(lm, ids, start):
    positions = torch.arange(start, start + len(ids))[None]
    with torch.inference_mode():
        output = lm.model(input_ids=torch.tensor([ids]), position_ids=positions, use_cache=True)
    return [layer.keys for layer in output.past_key_values.layers]


@pytest.mark.parametrize("delta", [1, 37, 1500])
def test_moved_keys_are_those_computed_there(tiny_lm, delta):
    ids = tiny_lm.prompt.head
    frequencies = rotary_frequencies(tiny_lm.model)
    deltas = torch.full((len(ids),), delta)
    for here, there in zip(keys_at(tiny_lm, ids, 0), keys_at(tiny_lm, ids, delta), strict=True):
        assert (here - there).abs().max() > 0.1, "positions make no difference: the test would prove nothing"
        scale = there.abs().max()
        assert (rotate(here, rotation(deltas, frequencies)) - there).abs().max() / scale < 1e-4
        assert (rotate(there, rotation(-deltas, frequencies)) - here).abs().max() / scale < 1e-4


def test_every_token_moves_by_its_own_distance(tiny_lm):
    ids = tiny_lm.prompt.head
    (first, *_), (later, *_) = keys_at(tiny_lm, ids, 0), keys_at(tiny_lm, ids, 90)
    deltas = torch.tensor([0] * 5 + [90] * (len(ids) - 5))
    moved = rotate(first, rotation(deltas, rotary_frequencies(tiny_lm.model)))
    assert torch.equal(moved[:, :, :5], first[:, :, :5])
    torch.testing.assert_close(moved[:, :, 5:], later[:, :, 5:], atol=1e-4, rtol=1e-4)


def test_a_scaled_attention_is_not_scaled_twice():
    lm = tiny_language_model()
    rotary = lm.model.get_decoder().rotary_emb
    rotary.attention_scaling = 1.7
    ids = lm.prompt.head
    for here, there in zip(keys_at(lm, ids, 0), keys_at(lm, ids, 40), strict=True):
        moved = rotate(here, rotation(torch.full((len(ids),), 40), rotary_frequencies(lm.model)))
        assert (moved - there).abs().max() / there.abs().max() < 1e-4


def test_numbers_beyond_the_rotated_part_stay(tiny_lm):
    frequencies = rotary_frequencies(tiny_lm.model)
    keys = torch.randn(1, 2, 3, 2 * len(frequencies) + 6)
    moved = rotate(keys, rotation(torch.tensor([4, 5, 6]), frequencies))
    assert torch.equal(moved[..., 2 * len(frequencies) :], keys[..., 2 * len(frequencies) :])
    assert moved.shape == keys.shape


def test_positions_that_are_no_fixed_rotation_are_refused():
    lm = tiny_language_model()
    lm.model.get_decoder().rotary_emb.rope_type = "dynamic"
    with pytest.raises(TesseraError, match="cannot be moved") as refusal:
        rotary_frequencies(lm.model)
    assert "cag" in refusal.value.remedy
