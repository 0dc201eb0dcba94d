import pytest

from core.corpus.limits import clean, clean_title, read_file, safe_name
from core.errors import CorpusError


def test_clean_composes_korean_and_strips_controls():
    typed_on_a_mac = "\u1112\u1161\u11ab\u1100\u1173\u11af"
    assert clean(f" \ufeff{typed_on_a_mac}\x07\x1b[31m\u2028x\x85y ", "here") == "한글[31m\nx\ny"


@pytest.mark.parametrize(
    ("text", "why"), [("a\0b", "NUL"), ("a\ud800b", "surrogate"), ("a" + "\u0301\u0323" * 40, "marks")]
)
def test_clean_refuses_what_is_no_text(text, why):
    with pytest.raises(CorpusError, match=f"here .*{why}"):
        clean(text, "here")


def test_a_title_is_one_short_line():
    assert clean_title(" A\n\tB  C ", "here") == "A B C"
    assert len(clean_title("x" * 999, "here")) == 200


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\보고서.pdf", "보고서.pdf"),
        ("a\x00b\n\u202etxt.exe", "abtxt.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("dir/", "dir"),
    ],
)
def test_names_lose_their_way_and_what_cannot_be_seen(name, safe):
    assert safe_name(name) == safe


def test_long_names_keep_their_ending():
    assert len(safe_name("x" * 5000 + ".csv")) <= 120
    assert safe_name("x" * 5000 + ".csv").endswith(".csv")
    assert safe_name("x" * 300 + ".csv").endswith(".csv")


def test_a_folder_and_nothing_are_no_files(tmp_path):
    with pytest.raises(CorpusError, match="is not a file"):
        read_file(tmp_path)
    with pytest.raises(CorpusError, match="does not exist"):
        read_file(tmp_path / "none.txt")
