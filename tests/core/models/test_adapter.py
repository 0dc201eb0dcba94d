import copy
import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from core.errors import ModelError
from core.models import mapped
from core.models.adapter import Adapter, merged
from core.models.mapped import back_by_file, release_pages
from tests.models import tiny_language_model


@pytest.fixture
def adapter(tmp_path):
    """A folder with an adapter of peft's, of random matrices."""
    torch.manual_seed(0)
    lora = LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(tiny_language_model().model, lora).save_pretrained(tmp_path / "lora")
    return tmp_path / "lora"


def test_merging_gives_the_bits_that_peft_gives(adapter, tmp_path):
    plain = tiny_language_model().model
    wanted = PeftModel.from_pretrained(tiny_language_model().model, adapter).merge_and_unload().state_dict()
    for scratch in (None, tmp_path / "home"):
        ours = merged(plain, Adapter.from_peft(adapter), scratch).state_dict()
        assert ours.keys() == wanted.keys()
        assert all(torch.equal(ours[name], tensor) for name, tensor in wanted.items())
    assert list((tmp_path / "home").iterdir()) == []


def test_variants_share_what_the_adapter_leaves_alone(adapter):
    lm = tiny_language_model()
    before = copy.deepcopy(lm.model.state_dict())
    adapted = lm.with_adapter(Adapter.from_peft(adapter))
    assert lm.with_adapter(Adapter.from_peft(adapter)) is adapted
    assert adapted.identity.adapter and adapted.identity != lm.identity
    own = {name for name, weight in adapted.model.named_parameters() if weight is not lm.model.get_parameter(name)}
    assert own == {
        f"model.layers.{layer}.{part}.weight" for layer in (0, 1) for part in ("self_attn.q_proj", "mlp.down_proj")
    }
    assert all(torch.equal(tensor, before[name]) for name, tensor in lm.model.state_dict().items())


def test_weights_in_files_can_leave_memory_and_come_back(adapter, tmp_path):
    model = merged(tiny_language_model().model, Adapter.from_peft(adapter), tmp_path)
    before = copy.deepcopy(model.state_dict())
    release_pages(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_weights_of_another_number_format_get_a_file_and_stay_tied(tmp_path):
    model = tiny_language_model().model
    model.lm_head.weight = model.get_input_embeddings().weight
    before = copy.deepcopy(model.state_dict())
    back_by_file(model, tmp_path)
    assert model.lm_head.weight is model.get_input_embeddings().weight
    where = {weight.data_ptr() for weight in model.parameters()}
    assert all(any(start <= pointer < end for start, end in mapped._file_ranges()) for pointer in where)
    release_pages(model)
    back_by_file(model, tmp_path / "nothing is left to move")
    assert not (tmp_path / "nothing is left to move").exists()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_file_that_cannot_be_made_leaves_the_weights_in_memory(adapter, tmp_path):
    (tmp_path / "file").write_text("no folder")
    model = merged(tiny_language_model().model, Adapter.from_peft(adapter), tmp_path / "file")
    wanted = merged(tiny_language_model().model, Adapter.from_peft(adapter), None).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("change", [{"use_dora": True}, {"bias": "all"}, {"rank_pattern": {"q_proj": 4}}])
def test_more_than_low_rank_updates_is_refused(adapter, change):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelError, match="more than low-rank updates"):
        Adapter.from_peft(adapter)


def test_an_adapter_of_another_model_is_refused(adapter):
    with pytest.raises(ModelError, match="does not fit"):
        tiny_language_model(layers=1).with_adapter(Adapter.from_peft(adapter))
    with pytest.raises(ModelError, match="does not fit"):
        Adapter.from_peft(adapter / "nowhere")
