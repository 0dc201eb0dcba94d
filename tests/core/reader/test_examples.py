from dataclasses import replace

import pytest

from core.errors import CorpusError
from core.models.prompt import NOT_FOUND
from core.reader.examples import ExampleStream, Recipe
from core.reader.pools import PoolSource

N = 150
RECIPE = Recipe(without_answer=0.2, closed_book=0.2)
ANSWERS = {
    "who built the lighthouse of velm": "Oren Pask",
    "where is the lighthouse that oren pask built": "Velm",
    "who drew the library maps": "Ilan Dorr",
}


@pytest.fixture(scope="module")
def examples(pool, tiny_encoder):
    stream = ExampleStream([pool], tiny_encoder, RECIPE, seed=0)
    return [stream[number] for number in range(N)]


def read(examples):
    return [example for example in examples if example.passages]


def answer_to(item):
    return ANSWERS[item.question.lower().rstrip("?")]


def test_an_example_depends_on_its_number_and_the_seed_alone(pool, tiny_encoder, examples):
    again = ExampleStream([pool], tiny_encoder, RECIPE, seed=0)
    assert [again[number] for number in reversed(range(N))] == examples[::-1]
    other = ExampleStream([pool], tiny_encoder, RECIPE, seed=1)
    assert [other[number] for number in range(N)] != examples


def test_the_target_is_in_the_passages_or_said_to_be_missing(examples):
    for example in read(examples):
        shown = " ".join(passage.text for passage in example.passages)
        assert example.targets
        for item in example.targets:
            assert item.target in (answer_to(item), NOT_FOUND)
            assert (answer_to(item) in shown) == (item.target != NOT_FOUND)
    targets = [item.target for example in read(examples) for item in example.targets]
    assert 0.05 < targets.count(NOT_FOUND) / len(targets) < 0.4


def test_questions_about_the_same_passage_share_an_example(pool, tiny_encoder, examples):
    assert {len(example.targets) for example in examples} == {1, 2, 3}
    for example in examples:
        assert len({item.source for item in example.targets}) == len(example.targets)
    alone = ExampleStream([pool], tiny_encoder, replace(RECIPE, questions=1), seed=0)
    assert all(len(alone[number].targets) == 1 for number in range(40))


def test_passages_are_cut_to_different_windows(examples):
    lengths = [len(passage.text.split()) for example in read(examples) for passage in example.passages]
    assert max(lengths) <= 130 and min(lengths) >= 50
    assert len(set(lengths)) > 10


def test_one_to_ten_different_passages_in_any_place(examples):
    counts = {len(example.passages) for example in read(examples)}
    assert {1, 2, 3, 5, 10} <= counts and max(counts) == 10
    places = set()
    for example in read(examples):
        ids = [passage.id for passage in example.passages]
        assert len(set(ids)) == len(ids)
        target = example.targets[0].target
        if target != NOT_FOUND:
            places.add(next(i for i, passage in enumerate(example.passages) if target in passage.text))
    assert len(places) >= 4


def test_passages_are_read_as_blocks_as_often_as_the_recipe_says(pool, tiny_encoder, examples, tiny_lm):
    several = [example for example in read(examples) if len(example.passages) > 1]
    assert 0.45 < sum(example.blocks for example in several) / len(several) < 0.75
    assert not any(example.blocks for example in examples if len(example.passages) < 2)
    tokens = next(example for example in several if example.blocks).tokens(tiny_lm.prompt, stop=1)
    assert sum(tokens.blocks) + len(tiny_lm.prompt.head) == len(tokens.context)


def test_questions_come_as_people_type_them(examples):
    questions = [item.question for example in examples for item in example.targets]
    assert any(question.islower() for question in questions) and not all(question.islower() for question in questions)
    assert any(question.endswith("?") for question in questions)
    assert not all(question.endswith("?") for question in questions)


def test_a_fictional_world_is_never_asked_closed_book(pool, tiny_encoder, examples):
    assert any(not example.passages for example in examples)
    fiction = replace(pool, source=replace(pool.source, closed_book=False))
    stream = ExampleStream([fiction], tiny_encoder, Recipe(closed_book=0.9), seed=0)
    assert all(stream[number].passages for number in range(40))


def test_pools_come_in_their_shares(pool, tiny_encoder):
    often = replace(pool, source=PoolSource(pool.source.folder, 0.9), questions=pool.questions[:1])
    seldom = replace(pool, source=PoolSource(pool.source.folder, 0.1), questions=pool.questions[-1:])
    stream = ExampleStream([often, seldom], tiny_encoder, Recipe(), seed=0)
    drawn = [stream[number].targets[0].source for number in range(N)]
    assert drawn.count(pool.questions[0].id) > 5 * drawn.count(pool.questions[-1].id) > 0


def test_tokens_are_those_of_the_answering_prompt(examples, tiny_lm):
    example = next(e for e in read(examples) if len(e.targets) == 2)
    tokens = example.tokens(tiny_lm.prompt, tiny_lm.tokenizer.eos_token_id)
    assert tokens.context == tiny_lm.prompt.context(example.passages)
    for item, (tail, answer) in zip(example.targets, tokens.pairs, strict=True):
        assert tail == tiny_lm.prompt.tail(item.question)
        assert tiny_lm.tokenizer.decode(answer, skip_special_tokens=True) == item.target
        assert answer[-1] == tiny_lm.tokenizer.eos_token_id


def test_no_question_is_an_error_with_a_remedy(pool, tiny_encoder):
    with pytest.raises(CorpusError, match="questions_train"):
        ExampleStream([replace(pool, questions=())], tiny_encoder, Recipe(), seed=0)
