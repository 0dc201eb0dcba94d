import pytest

from core.corpus.intake import MAX_FILE_BYTES, MAX_LINE, clean, clean_title, decode, read_file, safe_name
from core.errors import CorpusError


@pytest.mark.parametrize(
    "content",
    [
        "안녕, 세상\nzwei".encode(),
        b"\xef\xbb\xbf" + "안녕, 세상\r\nzwei".encode(),
        "안녕, 세상\rzwei".encode("utf-16"),
        b"\xfe\xff" + "안녕, 세상\nzwei".encode("utf-16-be"),
    ],
)
def test_utf8_and_utf16_are_read(content):
    assert decode("a.txt", content) == "안녕, 세상\nzwei"


def test_latin_1_is_refused_with_the_byte_and_never_guessed():
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8: byte 3 \(0xe9\)"):
        decode("a.txt", "café noir".encode("latin-1"))


def test_the_byte_is_counted_from_the_start_of_the_file():
    with pytest.raises(CorpusError, match=r"byte 6 \(0xe9\)"):
        decode("a.txt", b"\xef\xbb\xbf" + "café".encode("latin-1"))


def test_broken_utf16_is_refused():
    with pytest.raises(CorpusError, match="is not UTF-16"):
        decode("a.txt", "abc".encode("utf-16") + b"x")


def test_nul_is_refused_with_its_line():
    with pytest.raises(CorpusError, match=r"a\.txt, line 2, holds a NUL"):
        decode("a.txt", b"one\ntw\0o")


def test_utf32_is_no_text():
    with pytest.raises(CorpusError, match="NUL"):
        decode("a.txt", b"\xff\xfe\0\0" + "abc".encode("utf-32-le"))


def test_empty_too_big_and_endless_lines_are_refused(monkeypatch):
    with pytest.raises(CorpusError, match="is empty"):
        decode("a.txt", b"")
    with pytest.raises(CorpusError, match="line 2, is longer than 1,000,000 characters"):
        decode("a.txt", b"x\n" + b"y" * (MAX_LINE + 1))
    monkeypatch.setattr("core.corpus.intake.MAX_FILE_BYTES", 10)
    with pytest.raises(CorpusError, match="is the limit"):
        decode("a.txt", b"0123456789a")
    assert MAX_FILE_BYTES == 50 * 2**20


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
