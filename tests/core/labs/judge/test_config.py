from dataclasses import replace

import pytest

from core.errors import TesseraError
from core.labs.judge.config import Judge, ragas_python
from core.settings import Settings


def test_the_settings_name_the_judge():
    judge = Judge.from_settings(Settings(judge_url="http://127.0.0.1:1/v1", judge_model="m", judge_embeddings="e"))
    assert judge.name == "m at 127.0.0.1"
    assert judge.fingerprint != replace(judge, embeddings="").fingerprint


@pytest.mark.parametrize(
    ("url", "model", "says"),
    [("", "m", "No judge"), ("ftp://x", "m", "no address"), ("http://", "m", "no address"), ("http://x", " ", "model")],
)
def test_what_names_no_judge_is_refused(url, model, says):
    with pytest.raises(TesseraError, match=says):
        Judge.from_settings(Settings(judge_url=url, judge_model=model))


def test_without_its_environment_the_way_to_it_is_named(tmp_path):
    with pytest.raises(TesseraError, match="make ragas"):
        ragas_python(tmp_path)
