import json

import pytest

from core.reader.pools import PoolSource, load_pool


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def finished(work):
    """The value of a generator that was run to its end."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


@pytest.fixture(scope="session")
def pool_source(tmp_path_factory, tiny_corpus):
    """The tiny corpus as a folder, with dev and test questions beside the train questions."""
    folder = tmp_path_factory.mktemp("pool")
    filler = " ".join(f"word{number}" for number in range(60))
    passages = [
        {"id": passage.id, "title": passage.title, "text": f"{filler} {passage.text} {filler}"}
        for passage in tiny_corpus.passages
    ]
    write_lines(folder / "passages.jsonl", passages)
    for split, questions in tiny_corpus.questions.items():
        rows = [{"id": q.id, "question": q.text, "answers": q.answers, "passage_ids": q.passage_ids} for q in questions]
        if split == "train":
            second = {"question": "Where is the lighthouse that Oren Pask built?", "answers": ["Velm"]}
            rows.insert(1, {**rows[0], **second, "id": "train-same-passage"})
        write_lines(folder / f"questions_{split}.jsonl", rows)
    return PoolSource(folder)


@pytest.fixture(scope="session")
def pool(pool_source, tiny_encoder):
    return finished(load_pool(pool_source, tiny_encoder, longest_answer=6))
