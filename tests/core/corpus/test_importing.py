import json

import pytest

from core.corpus.chunking import Chunking
from core.corpus.importing import Importer, ImportReport
from core.corpus.importing import import_folder as reading_folder
from core.corpus.readers.registry import READERS, read_document
from core.corpus.types import Passage
from core.errors import CorpusError


def import_files(files, count, existing=()) -> ImportReport:
    importer = Importer(count, existing)
    for name, content in files:
        importer.add(name, content)
    return importer.report()


def import_folder(folder, count) -> ImportReport:
    importer = Importer(count)
    assert {str(path) for path in reading_folder(folder, importer)}
    return importer.report()


LONG = " ".join(f"Sentence number {n} tells what lamp {n} of the harbour does." for n in range(60))


def test_each_file_is_told_apart_and_titles_come_from_it(count):
    report = import_files(
        [
            ("등대 노트.txt", "등대가 빛난다.".encode()),
            ("table.csv", b"id,title,text\nr1,Row one,First row.\nr2,,Second row."),
            ("picture.png", b"\x89PNG"),
            ("guide.md", b"# Oil\n\nFill the lamp.\n"),
        ],
        count,
    )
    assert [(p.id, p.title, p.text) for p in report.passages] == [
        ("등대-노트-0001", "등대 노트", "등대가 빛난다."),
        ("r1", "Row one", "First row."),
        ("r2", "table", "Second row."),
        ("guide-0001", "Oil", "Fill the lamp."),
    ]
    assert [(file.name, file.status, file.passages) for file in report.files] == [
        ("등대 노트.txt", "ready", 1),
        ("table.csv", "ready", 2),
        ("picture.png", "failed", 0),
        ("guide.md", "ready", 1),
    ]
    assert report.failed == (report.files[2],)
    assert ".png" in report.files[2].error


def test_long_documents_are_cut_and_long_rows_too(count):
    report = import_files(
        [("a.txt", LONG.encode()), ("b.jsonl", json.dumps({"id": "row", "text": "Another start. " + LONG}).encode())],
        count,
    )
    ids = [passage.id for passage in report.passages]
    assert ids[:2] == ["a-0001", "a-0002"]
    assert "row-1" in ids
    assert len(set(ids)) == len(ids)
    assert all(count(passage.text) <= 192 for passage in report.passages)


def test_rows_of_a_table_are_known_as_such(count):
    table = "# Ferries\n\nAll sail daily.\n\n| Ferry | Fare |\n|---|---|\n| Mara | 14 |\n| Lind | 9 |\n"
    report = import_files([("a.md", table.encode())], count)
    assert [(passage.text, passage.row) for passage in report.passages] == [
        ("All sail daily.", False),
        ("Ferry: Mara; Fare: 14.", True),
        ("Ferry: Lind; Fare: 9.", True),
    ]


def test_what_was_read_is_cut_otherwise_without_reading_it_again(count):
    first, existing = Importer(count), [Passage("a-0001", "", "Old.")]
    first.add("a.txt", LONG.encode())
    first.add("picture.png", b"\x89PNG")
    other, fresh = (Importer(count, existing, Chunking(64, 30)) for _ in range(2))
    for reading in first.readings:
        other.cut(reading)
    fresh.add("a.txt", LONG.encode())
    fresh.add("picture.png", b"\x89PNG")
    assert other.report() == fresh.report()
    assert other.report().chunking == Chunking(64, 30)
    assert len(other.report().passages) > len(first.report().passages)


def test_a_file_is_in_whole_or_not_at_all(count):
    importer = Importer(count)
    result = importer.add("a.jsonl", b'{"text": "Fine."}\n{"text": 5}\n')
    assert result.status == "failed"
    assert "a.jsonl, line 2," in result.error
    assert importer.report().passages == ()
    assert importer.add("b.txt", b"Fine.").passages == 1, "the refused file's texts must not count as duplicates"


def test_duplicates_are_left_out_and_counted(count):
    existing = [Passage("old", "a", "Already  HERE.")]
    report = import_files(
        [("a.csv", b"text\nAlready here.\nNew one.\nnew ONE."), ("a.txt", b"New one."), ("b.txt", b"New one.")],
        count,
        existing,
    )
    assert [(passage.title, passage.text) for passage in report.passages] == [("a", "New one."), ("b", "New one.")]
    assert [(file.status, file.passages, file.duplicates) for file in report.files] == [
        ("ready", 1, 2),
        ("ready", 0, 1),
        ("ready", 1, 0),
    ]


def test_the_limit_of_another_library_is_another_fact(count):
    rows = b"id,title,text\nt1,Unit A,10\xe2\x81\xb6 joules\nt2,Unit B,106 joules\nt3,Unit A,106 joules\n"
    assert len(import_files([("t.csv", rows)], count).passages) == 3


def test_ids_come_from_where_a_file_stands_and_do_not_move(tmp_path, count):
    def put(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    put("b/readme.txt", "The bell of Mirn weighs 940 kilograms.")
    put("c/readme.txt", "The bell of Solm is cracked.")
    before = {passage.text: passage.id for passage in import_folder(tmp_path, count).passages}
    assert sorted(before.values()) == ["b-readme-0001", "c-readme-0001"]
    put("a/readme.txt", "The bell of Tarn is new.")
    after = {passage.text: passage.id for passage in import_folder(tmp_path, count).passages}
    assert before.items() <= after.items()


def test_a_passage_knows_its_characters_in_the_text_as_read(count):
    content = (
        b"# Boats\n\nThe Grey Gull sails.\n\n## Crew\n\n| Name | Rank |\n|---|---|\n| Ada | mate |\n| Bo | cook |\n"
    )
    text = "\n\n".join(section.text for section in read_document("boats.md", content).sections)
    passages = import_files([("boats.md", content)], count).passages
    assert [passage.text for passage in passages] == [
        "The Grey Gull sails.",
        "Name: Ada; Rank: mate.",
        "Name: Bo; Rank: cook.",
    ]
    assert [text[passage.source.start : passage.source.end] for passage in passages] == [p.text for p in passages]
    assert passages[1].source.cited == "boats.md · Boats / Crew"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, count):
    secret = tmp_path / "secret.txt"
    secret.write_text("Not meant for the corpus.")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "own.txt").write_text("Meant for it.")
    (folder / "link.txt").symlink_to(secret)
    report = import_folder(folder, count)
    assert [passage.text for passage in report.passages] == ["Meant for it."]
    assert "link.txt is a link that leads out of the folder" in report.failed[0].error


def test_ids_are_never_given_twice(count):
    existing = [Passage("notes-0001", "", "Old."), Passage("7", "", "Older.")]
    report = import_files(
        [
            ("notes.txt", b"One."),
            ("x/notes.txt", b"Two."),
            ("t.csv", b"id,text\n7,Three.\n"),
            ("t.csv", b"id,text\n7,Four."),
        ],
        count,
        existing,
    )
    ids = [passage.id for passage in report.passages]
    assert len({*ids, "notes-0001", "7"}) == 6
    assert ids[2] == "t-7"


@pytest.mark.parametrize("name", ["../../evil.txt", "C:\\x\\evil.txt", "/etc/evil.txt", "evil\u202e.txt"])
def test_hostile_names_are_only_shown(count, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = import_files([(name, b"Text.")], count)
    assert report.files[0].name == "evil.txt"
    assert report.passages[0].id == "evil-0001"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b" \n", b"text\n", "ÄÖÜ".encode("latin-1"), b"a\0b"])
@pytest.mark.parametrize("name", [f"a{ending}" for ending in READERS])
def test_nothing_hostile_raises_and_nothing_empty_is_ready(count, name, content):
    file = import_files([(name, content)], count).files[0]
    if file.status == "ready":
        assert file.passages == 1
    else:
        assert name in file.error


def test_a_text_that_cannot_be_cut_names_its_file(count):
    file = import_files([("a.txt", ("ᄀ" * 40_000).encode())], lambda text: len(text.encode())).files[0]
    assert file.error.startswith("a.txt: A single character")


def test_a_corpus_grows_to_its_limit_and_no_further(count, monkeypatch):
    monkeypatch.setattr("core.corpus.importing.MAX_PASSAGES", 2)
    importer = Importer(count, [Passage("old", "", "Old.")])
    assert "above 2 passages" in importer.add("a.csv", b"text\nOne.\nTwo.").error
    assert importer.add("b.csv", b"text\nOne.").status == "ready"


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path, count):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "b.txt").write_text("Bee.")
    (tmp_path / "a.md").write_text("Ay.")
    (tmp_path / "sub" / "c.txt").write_text("Sea.")
    (tmp_path / "data.bin").write_bytes(b"\0\1")
    (tmp_path / ".git" / "d.txt").write_text("Hidden.")
    (tmp_path / ".hidden.txt").write_text("Hidden.")
    report = import_folder(tmp_path, count)
    assert [passage.text for passage in report.passages] == ["Ay.", "Bee.", "Sea."]
    assert [file.name for file in report.failed] == ["data.bin"]


def test_an_empty_or_endless_folder_is_refused(tmp_path, count, monkeypatch):
    with pytest.raises(CorpusError, match="holds no file"):
        import_folder(tmp_path, count)
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setattr("core.corpus.importing.MAX_FILES", 0)
    with pytest.raises(CorpusError, match="holds 1 files"):
        import_folder(tmp_path, count)
