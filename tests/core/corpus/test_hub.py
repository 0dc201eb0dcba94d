from itertools import chain, repeat

import pytest

from core.corpus import hub
from core.corpus.hub import HUB_SETS, load_hub, stream_rows
from core.corpus.load import load_corpus
from core.corpus.published import convert_hotpotqa, convert_natural_questions, convert_squad
from core.errors import CorpusError

NQ = {
    "context": "<P> The Anwen Light ( built in 338 ) is a lighthouse , and the tallest . </P>",
    "question": "when was the anwen light built",
    "answers": ["338", "338", "in 338"],
    "key": "abc",
    "labels": [{"start": [30], "end": [33]}],
}
HOTPOT = {
    "id": "5a8b57f25542995d1e6f1371",
    "question": "Where was the maker of the Glass Harp born?",
    "answer": "Tessel Point",
    "type": "bridge",
    "level": "hard",
    "supporting_facts": {"title": ["Glass Harp", "Brin Maddow", "Brin Maddow", "Gone"], "sent_id": [0, 1, 9, 0]},
    "context": {
        "title": ["Fog Tea", "Glass Harp", "Brin Maddow"],
        "sentences": [
            ["Fog tea is hot.", " It is pale."],
            ["Brin Maddow made the harp."],
            ["A maker.", " Born in Tessel Point."],
        ],
    },
}
SQUAD = {
    "id": "56be4db0acb8001400a502ec",
    "title": "Lamp_Tax",
    "context": "The lamp tax was a charge on windows.",
    "question": "What was the lamp tax a charge on?",
    "answers": {"text": ["windows", "windows"], "answer_start": [29, 29]},
}


def test_natural_questions_lose_their_tags_and_spaces():
    (passage,), (question,) = convert_natural_questions(NQ)
    assert passage.text == "The Anwen Light (built in 338) is a lighthouse, and the tallest."
    assert question.answers == ("338", "in 338")
    assert question.passage_ids == (passage.id,)
    assert question.id == "nqq-abc"


@pytest.mark.parametrize(
    "change", [{"context": "<Table> <Tr> <Td> 338 </Td> </Tr> </Table>"}, {"context": "<P> </P>"}, {"answers": []}]
)
def test_natural_questions_without_a_paragraph_or_answer_give_nothing(change):
    assert convert_natural_questions({**NQ, **change}) == ((), ())


def test_hotpotqa_gives_all_paragraphs_and_the_gold_ones_in_hop_order():
    passages, (question,) = convert_hotpotqa(HOTPOT)
    ids = {passage.title: passage.id for passage in passages}
    assert [passage.title for passage in passages] == ["Fog Tea", "Glass Harp", "Brin Maddow"]
    assert passages[2].text == "A maker. Born in Tessel Point."
    assert question.passage_ids == (ids["Glass Harp"], ids["Brin Maddow"])
    assert question.evidence == ("Brin Maddow made the harp.", "Born in Tessel Point.")
    assert question.answers == ("Tessel Point",)


def test_squad_names_its_article_and_its_answers_once():
    (passage,), (question,) = convert_squad(SQUAD)
    assert (passage.title, passage.text) == ("Lamp Tax", SQUAD["context"])
    assert (question.id, question.answers, question.passage_ids) == (SQUAD["id"], ("windows",), (passage.id,))


def test_the_first_question_of_a_passage_is_held_out():
    rows = [SQUAD, {**SQUAD, "id": "second"}, {**SQUAD, "id": "third", "context": "Another passage."}]
    corpus = load_hub("squad", 10, rows)
    assert [question.id for question in corpus.questions["dev"]] == [SQUAD["id"], "third"]
    assert [question.id for question in corpus.questions["train"]] == ["second"]
    assert len(corpus.passages) == 2


def test_no_more_rows_are_read_than_needed():
    rows = chain([{**SQUAD, "id": str(n), "context": f"Passage {n}."} for n in range(3)], repeat(None))
    assert [passage.text for passage in load_hub("squad", 2, rows).passages] == ["Passage 0.", "Passage 1."]


def test_a_row_larger_than_the_size_is_cut_by_the_loader(monkeypatch, count):
    monkeypatch.setattr(hub, "stream_rows", lambda hub_set: iter([HOTPOT]))
    corpus = load_corpus("hotpotqa", size=2, count=count)
    assert [passage.title for passage in corpus.passages] == ["Fog Tea", "Glass Harp"]
    assert corpus.questions == {}


def test_other_fields_are_refused_with_their_name():
    with pytest.raises(CorpusError, match=r"rajpurkar/squad has other fields than expected .*'context'"):
        load_hub("squad", 10, [{"id": 1}])


def test_nothing_is_no_corpus():
    with pytest.raises(CorpusError, match="gave no passage"):
        load_hub("natural_questions", 10, [{**NQ, "answers": []}])


@pytest.mark.parametrize("error", [ConnectionError("no route"), FileNotFoundError("gone"), ValueError("no config")])
def test_an_unreachable_hub_is_told_with_a_way_out(monkeypatch, error):
    import datasets

    def load_dataset(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(CorpusError, match=r"cannot be fetched from the Hugging Face hub.*give the path of a folder"):
        load_hub("squad")


def test_a_stream_that_breaks_half_way_is_told(monkeypatch):
    import datasets
    from httpx import ReadTimeout

    def rows():
        yield SQUAD
        raise ReadTimeout("slow")

    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows())
    with pytest.raises(CorpusError, match="ReadTimeout"):
        list(stream_rows(HUB_SETS["squad"]))
