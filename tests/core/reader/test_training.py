import pytest
import torch
from peft import PeftModel

from core.errors import ModelError
from core.reader.batches import Tokens, answer_loss, micro_batches
from core.reader.examples import Recipe
from core.reader.training import ADAPTER_FILE, CONFIG_FILE, STATE_FILE, ReaderConfig, train_reader
from tests.models import tiny_language_model

SHORT = Recipe(passages=(1,), window_words=(8, 12), without_answer=0.0, closed_book=0.0)
CONFIG = ReaderConfig(steps=24, batch=4, rank=8, learning_rate=1e-2, recipe=SHORT)


def train(source, encoder, output, config, stop_after=None, start=None):
    """Runs a training, or closes it after some steps; returns the losses."""
    losses = []
    work = train_reader(tiny_language_model(), encoder, [source], output, config, start)
    for progress in work:
        if "loss" in progress.data:
            losses.append(progress.data["loss"])
            if len(losses) == stop_after:
                work.close()
    return losses


@pytest.fixture(scope="module")
def trained(pool_source, tiny_encoder, tmp_path_factory):
    output = tmp_path_factory.mktemp("adapter")
    return output, train(pool_source, tiny_encoder, output, CONFIG)


def test_training_lowers_the_loss(trained):
    _, losses = trained
    assert len(losses) == CONFIG.steps
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_the_adapter_loads_and_changes_the_model(trained):
    output, _ = trained
    plain = tiny_language_model().model
    ids = torch.arange(2, 12)[None]
    with torch.no_grad():
        before = plain(ids).logits.clone()
        after = PeftModel.from_pretrained(plain, output).merge_and_unload()(ids).logits
    assert not torch.allclose(before, after, atol=1e-2)


def test_a_finished_training_leaves_the_adapter_alone(trained):
    output, _ = trained
    assert {path.name for path in output.iterdir()} == {ADAPTER_FILE, CONFIG_FILE}
    assert "tiny" in (output / CONFIG_FILE).read_text()


def test_an_interrupted_training_goes_on_where_it_stopped(trained, pool_source, tiny_encoder, tmp_path):
    _, whole = trained
    first = train(pool_source, tiny_encoder, tmp_path, CONFIG, stop_after=12)
    assert (tmp_path / STATE_FILE).is_file() and (tmp_path / ADAPTER_FILE).is_file()
    assert len(list(tmp_path.glob("vectors-*.npy"))) == 1
    rest = train(pool_source, tiny_encoder, tmp_path, CONFIG)
    assert first + rest == pytest.approx(whole, rel=1e-4)


def test_a_checkpoint_of_other_settings_is_refused(pool_source, tiny_encoder, tmp_path):
    train(pool_source, tiny_encoder, tmp_path, CONFIG, stop_after=1)
    with pytest.raises(ModelError, match="other settings"):
        train(pool_source, tiny_encoder, tmp_path, ReaderConfig(steps=5, seed=1, recipe=SHORT))


def test_micro_batches_hold_every_example_within_the_limit():
    tokens = [Tokens([1] * length, (([1], [2]),)) for length in (5, 90, 7, 30, 31, 6, 300)]
    batches = list(micro_batches(tokens, limit=100))
    assert sorted(len(example.context) for batch in batches for example in batch) == [5, 6, 7, 30, 31, 90, 300]
    assert all(len(batch) * max(map(len, batch)) <= 100 for batch in batches if len(batch) > 1)
    assert len(batches) < len(tokens)


def test_questions_that_share_passages_cost_what_they_cost_apart(tiny_lm):
    turns = (([5, 6, 7, 8], [9, 1]), ([10, 11], [12, 13, 1]), ([14] * 9, [15, 1]))
    batch = [Tokens([20, 21, 22, 23], turns), Tokens([30] * 11, turns[:1]), Tokens([40, 41], turns[1:])]
    together = answer_loss(tiny_lm.model, batch, 1)
    apart = torch.tensor(0.0)
    for example in batch:
        for tail, answer in example.pairs:
            prompt = example.context + tail
            logits = tiny_lm.model(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
            apart -= sum(logits[len(prompt) - 1 + i, token] for i, token in enumerate(answer))
    assert together.item() == pytest.approx(apart.item(), rel=1e-4)


def test_a_training_begins_with_another_adapter(trained, pool_source, tiny_encoder, tmp_path):
    output, losses = trained
    again = train(pool_source, tiny_encoder, tmp_path, CONFIG, stop_after=3, start=output)
    assert sum(again) / 3 < 0.7 * sum(losses[:3]) / 3
    with pytest.raises(ModelError, match="other settings"):
        train(pool_source, tiny_encoder, tmp_path, CONFIG, stop_after=1)


def test_an_adapter_of_another_rank_is_no_start(trained, pool_source, tiny_encoder, tmp_path):
    with pytest.raises(ModelError, match="rank"):
        train(pool_source, tiny_encoder, tmp_path, ReaderConfig(rank=4, recipe=SHORT), start=trained[0])
