import json
import shutil

import numpy as np
import pytest

from core.corpus.sample import SAMPLE, load_sample, load_unseen
from tests.core.corpus.sample_rules import alike, validate_sample


def test_the_sample_keeps_its_promises():
    assert validate_sample(SAMPLE) == []


def test_the_readme_of_the_sample_tells_its_counts():
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    corpus = load_sample()
    total = sum(len(group) for group in corpus.questions.values())
    counts = [f"{len(corpus.questions[split])} {split}" for split in ("train", "dev", "test")]
    words = sorted(len(passage.text.split()) for passage in corpus.passages)
    hops = sum(len(q.passage_ids) == 2 for group in corpus.questions.values() for q in group)
    assert f"| passages | {len(corpus.passages)}, of {words[0]} to {words[-1]} words" in readme
    assert f"| questions | {total}: {', '.join(counts)} |" in readme
    assert f"| two-hop | {hops}:" in readme
    assert f"| unseen passages | {len(load_unseen())}," in readme
    assert all(passage.topic in readme for passage in corpus.passages)


@pytest.fixture
def sample(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "sample")
    return tmp_path / "sample"


def change(folder, name, edit):
    rows = [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    rows = edit(rows) or rows
    (folder / name).write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def edit_first(**fields):
    def edit(rows):
        rows[0].update(fields)

    return edit


@pytest.mark.parametrize(
    ("name", "edit", "complaint"),
    [
        ("passages.jsonl", edit_first(text="Too short."), "has 2 words"),
        ("passages.jsonl", edit_first(topic=""), "no title or no topic"),
        ("passages.jsonl", edit_first(title="tessel point"), "2 passages have the title"),
        ("questions_dev.jsonl", edit_first(evidence=["Brannoch is somewhere."]), "is no sentence of"),
        ("questions_dev.jsonl", edit_first(answers=["nobody at all"]), "is not in its evidence"),
        ("questions_dev.jsonl", edit_first(answers=[]), "no answer"),
        ("questions_train.jsonl", lambda rows: rows[3:], "geo-01 has only 3 questions"),
        ("questions_dev.jsonl", lambda rows: [row for row in rows if "type" not in row], "dev has no two-hop"),
        ("questions_dev.jsonl", lambda rows: [*rows, {**rows[0], "id": "geo-01-q1"}], "have the same id"),
        ("unseen.jsonl", lambda rows: rows[:3], "only 3 unseen"),
        ("unseen.jsonl", lambda rows: rows[0]["passage"].update(title="Brannoch"), "is in the sample"),
        ("unseen.jsonl", lambda rows: rows[0].update(questions=rows[1]["questions"]), "names another passage"),
    ],
)
def test_a_flaw_is_found(sample, name, edit, complaint):
    change(sample, name, edit)
    problems = validate_sample(sample)
    assert any(complaint in problem for problem in problems), problems


def test_a_question_that_crosses_splits_in_other_words_is_found(sample):
    train = [json.loads(line) for line in (sample / "questions_train.jsonl").read_text().splitlines()]
    reworded = {**train[0], "id": "new-1", "question": "Brannoch counts what number of people?"}
    change(sample, "questions_test.jsonl", lambda rows: [*rows, reworded])
    assert any("are answered by the same sentence" in problem for problem in validate_sample(sample))
    alike_one = {**train[0], "id": "new-1", "question": train[0]["question"] + " today", "evidence": []}
    change(sample, "questions_test.jsonl", lambda rows: [*rows[:-1], alike_one])
    assert any("are worded alike" in problem for problem in validate_sample(sample))


def test_alike_is_the_share_of_common_words():
    likeness = alike(["Who built the lamp?", "When was that?"], ["who built the LAMP", "Who built it?", ""])
    assert likeness == pytest.approx(np.array([[1, 0.4, 0], [0, 0, 0]]))
