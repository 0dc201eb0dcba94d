import pytest

from core.corpus.limits import MAX_FILE_BYTES, MAX_LINE
from core.corpus.readers.encodings import decode
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
    assert decode("a.txt", content) == ("안녕, 세상\nzwei", "")


@pytest.mark.parametrize(
    ("codec", "name", "text"),
    [
        ("cp949", "CP949", "한빛 도서관은 월요일에 쉽니다. 漢字 (2024)"),
        ("cp949", "CP949", "뷁 나라의 등대가 오늘 밤에도 빛난다"),  # a syllable that EUC-KR lacks
        ("euc-kr", "CP949", "오래된 도서관"),
        ("cp932", "Shift-JIS", "図書館の利用案内。カタカナ"),
        ("cp1252", "CP1252", "Überschrift;Preis €\nDer Käse von Brünn;39,90"),
        ("latin-1", "CP1252", "L'élève a été reçu à l'école"),
        ("utf-16-le", "UTF-16-LE", "Oren Pask built the bridge."),
        ("utf-16-be", "UTF-16-BE", "Oren Pask built the bridge."),
    ],
)
def test_what_offices_write_is_read_and_said(codec, name, text):
    decoded, note = decode("a.txt", text.encode(codec))
    assert decoded == text
    assert note == f"read as {name}, which was assumed"


def test_names_in_kanji_alone_are_japanese_and_lonely_apostrophes_are_not():
    names = "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n"
    assert decode("a.csv", names.encode("cp932")) == (names, "read as Shift-JIS, which was assumed")
    assert decode("a.txt", "It’s Ada’s bell.".encode("cp1252"))[0] == "It’s Ada’s bell."


@pytest.mark.parametrize(
    "content", ["Привет, маяк".encode("koi8-r"), "第一座灯塔今夜也静静地发光".encode("gb18030"), b"\x80\x81 bad"]
)
def test_what_none_of_them_explains_is_refused_with_the_byte(content):
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8: byte 0 \(0x"):
        decode("a.txt", content)


def test_broken_utf16_is_refused():
    with pytest.raises(CorpusError, match="is not UTF-16"):
        decode("a.txt", "abc".encode("utf-16") + b"x")


def test_nul_is_refused_with_its_line():
    with pytest.raises(CorpusError, match=r"a\.txt, line 2, holds a NUL"):
        decode("a.txt", b"one\ntw\0o")


def test_utf32_is_known_by_its_mark():
    assert decode("a.txt", "abc".encode("utf-32")) == ("abc", "")


def test_empty_too_big_and_endless_lines_are_refused(monkeypatch):
    with pytest.raises(CorpusError, match="is empty"):
        decode("a.txt", b"")
    with pytest.raises(CorpusError, match="line 2, is longer than 1,000,000 characters"):
        decode("a.txt", b"x\n" + b"y" * (MAX_LINE + 1))
    monkeypatch.setattr("core.corpus.limits.MAX_FILE_BYTES", 10)
    with pytest.raises(CorpusError, match="is the limit"):
        decode("a.txt", b"0123456789a")
    assert MAX_FILE_BYTES == 50 * 2**20
