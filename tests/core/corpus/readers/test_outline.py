import pytest

from core.corpus.chunking import chunk_spans
from core.corpus.readers.outline import Outline, records


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([["Bird", "Pairs"], ["Bittern", "4"]], ["Bird: Bittern; Pairs: 4."]),
        ([["A", "B", "C"], ["x", "", "z"]], ["A: x; C: z."]),
        ([["Control room", "112"], ["Porter", "4000"]], ["Control room: 112.", "Porter: 4000."]),
        ([["only"], ["one"]], ["only.", "one."]),
        ([["", ""], ["", ""]], []),
        (
            [
                ["EUR", "2023", "", "2022", ""],
                ["", "Sales", "Profit", "Sales", "Profit"],
                ["North", "5", "1", "4", "2"],
            ],
            ["EUR: North; 2023, Sales: 5; 2023, Profit: 1; 2022, Sales: 4; 2022, Profit: 2."],
        ),
        (  # the name of a group over the last of its columns
            [["EUR", "", "March"], ["", "Sales", "Profit"], ["North", "5", "1"]],
            ["EUR: North; March, Sales: 5; March, Profit: 1."],
        ),
        ([["A", "B", "C"], ["x", "y", "z"], ["Seen at dusk", "", ""]], ["A: x; B: y; C: z.", "Seen at dusk."]),
        (  # units in a row of their own
            [["Acid", "Limit", "Density"], ["", "(ppm)", "g/cm³"], ["Nitric", "2", "1.5"], ["Formic", "5", "1.2"]],
            [
                "Acid: Nitric; Limit (ppm): 2; Density (g/cm³): 1.5.",
                "Acid: Formic; Limit (ppm): 5; Density (g/cm³): 1.2.",
            ],
        ),
        (  # a row of words is none
            [["Acid", "Glove", "Store"], ["Nitric", "none", "A1"], ["Formic", "none", "4"]],
            ["Acid: Nitric; Glove: none; Store: A1.", "Acid: Formic; Glove: none; Store: 4."],
        ),
        (  # three rows of headers
            [
                ["", "Northern yard", "", "Southern yard", ""],
                ["", "Spring", "", "Spring", ""],
                ["Boat", "Hulls", "Masts", "Hulls", "Masts"],
                ["Gull", "5", "1", "4", "2"],
            ],
            [
                "Boat: Gull; Northern yard, Spring, Hulls: 5; Northern yard, Spring, Masts: 1; "
                "Southern yard, Spring, Hulls: 4; Southern yard, Spring, Masts: 2."
            ],
        ),
        (  # a name over both rows of headers stands in one of them
            [
                ["Boat", "", "Pairs", ""],
                ["", "Port", "Old", "New"],
                ["Gull", "Brae", "5", "1"],
                ["Tern", "Ulm", "2", "3"],
            ],
            [
                "Boat: Gull; Port: Brae; Pairs, Old: 5; Pairs, New: 1.",
                "Boat: Tern; Port: Ulm; Pairs, Old: 2; Pairs, New: 3.",
            ],
        ),
        (  # rows of headers that complete one another
            [["", "", "Yield", ""], ["No.", "Field", "", "Loss"], ["1", "Brae", "5", "1"]],
            ["No.: 1; Field: Brae; Yield: 5; Loss: 1."],
        ),
        (  # the heading of some rows is no header
            [["", "2023", "2022"], ["Assets", "", ""], ["Cash", "5", "4"], ["Land", "7", "7"]],
            ["Assets.", "Cash; 2023: 5; 2022: 4.", "Land; 2023: 7; 2022: 7."],
        ),
        (  # a form of names and values
            [["Order:", "SC-1", "Cinema:", "Downtown"], ["Region:", "North", "", ""]],
            ["Order: SC-1; Cinema: Downtown.", "Region: North."],
        ),
        (  # lines of a cell
            [["Rota", "Who"], ["Monday", "Ada\nBo\nthe cook"], ["Friday", "1. Cy.\n2. Dee.\n(not in May)"]],
            ["Rota: Who.", "Monday: Ada, Bo the cook.", "Friday: 1. Cy. 2. Dee. (not in May)."],
        ),
        ([["Main Street 4"] * 3, ["(address)"] * 3], ["Main Street 4.", "(address)."]),  # each spans all columns
        (
            [["Item", "Rent"], ["Hall", "850 euros"], ["Piano", "60 euros"]],
            ["Item: Hall; Rent: 850 euros.", "Item: Piano; Rent: 60 euros."],
        ),
    ],
)
def test_rows_carry_their_headers(rows, lines):
    assert records(rows)[0] == lines


def passages(outline, count, **limits):
    (section,) = outline.sections()
    return [
        section.text[slice(*span)] for span in chunk_spans(section.text, count, section.keep, section.rows, **limits)
    ]


def test_a_list_stays_with_its_introduction(count):
    outline = Outline("a")
    outline.paragraph("The store of Brae lies behind the mill and is open on Mondays. " * 3)
    outline.paragraph("The steps are carried out in this order:")
    outline.listing(["1. Call for help.", "2. Rinse with water.", "3. Wait for the doctor."])
    pieces = passages(outline, count, target=30, most=60)
    assert any("in this order:\n1. Call" in piece and "3. Wait" in piece for piece in pieces)


def test_a_long_list_is_cut_between_its_items(count):
    outline = Outline("a")
    outline.paragraph("Rules:")
    outline.listing([f"{n}. Rule number {n} of the harbour. It holds for all." for n in range(1, 20)])
    pieces = passages(outline, count, target=30, most=40)
    assert len(pieces) > 3
    assert all(piece.endswith("It holds for all.") for piece in pieces)


def test_a_row_with_headers_is_a_passage_of_its_own_and_the_first_keeps_the_caption(count):
    outline = Outline("a")
    outline.paragraph("Gloves are changed every day.")
    outline.table([["Acid", "Glove", "Limit"], ["HF", "neoprene", "1"], ["HCl", "nitrile", "2"]], caption="Table 1")
    outline.paragraph("Torn gloves are thrown away.")
    assert passages(outline, count) == [
        "Gloves are changed every day.",
        "Table 1\nAcid: HF; Glove: neoprene; Limit: 1.",
        "Acid: HCl; Glove: nitrile; Limit: 2.",
        "Torn gloves are thrown away.",
    ]


def test_a_caption_above_a_table_stays_with_its_first_row(count):
    outline = Outline("a")
    outline.paragraph("Gloves are changed every day.")
    outline.paragraph("Table 2. Gloves")
    outline.table([["Acid", "Glove", "Limit"], ["HF", "neoprene", "1"]])
    assert passages(outline, count)[1] == "Table 2. Gloves\nAcid: HF; Glove: neoprene; Limit: 1."


def test_rows_without_headers_stay_together(count):
    outline = Outline("a")
    outline.table([["Control room", "112", "B 1"], ["Porter", "4000"]])
    assert passages(outline, count) == ["Control room: 112; B 1.\nPorter: 4000."]


def test_a_name_with_its_value_is_a_passage_of_its_own(count):
    outline = Outline("a")
    outline.table([["Control room", "112"], ["Porter", "4000"]])
    assert passages(outline, count) == ["Control room: 112.", "Porter: 4000."]


def test_an_empty_header_names_nothing():
    assert records([["", ""], ["Founded", "1888"], ["Members", "214"]], header=True) == (
        ["Founded: 1888.", "Members: 214."],
        True,
    )


def test_rows_are_not_cut(count):
    outline = Outline("a")
    outline.table([["Well", "Remark"], *[[f"Well {n}", "Deep. Cold. Old."] for n in range(30)]], header=True)
    assert all(
        line.endswith("Old.") for piece in passages(outline, count, target=30, most=40) for line in piece.split("\n")
    )


def test_a_paragraph_goes_on_over_a_page_and_its_place_is_known():
    outline = Outline("a")
    outline.page(1)
    outline.paragraph("The light-")
    outline.page(2)
    outline.paragraph("house burns.", continues=True)
    outline.heading(1, "Next")
    outline.paragraph("More.")
    first, second = outline.sections()
    assert first.text == "The lighthouse burns."
    assert (first.page(0), first.page(10), second.page(0)) == (1, 2, 2)


@pytest.mark.parametrize("end", ["Table 2.", "See it:\nFig. 3.", "It is so. 2.", "It is so. Rule 4."])
def test_no_sentence_ends_at_a_number(end):
    from core.corpus.sentences import sentences

    assert sentences(f"{end} Limits of the store")[-1].endswith("Limits of the store")
    assert not sentences(f"{end} Limits of the store")[-1].startswith("Limits")


def test_dots_that_lead_to_a_figure_are_no_part_of_its_name():
    rows = [("Crop", "Acres"), ("Rye . . . . . . . .", "40"), ("Oats, etc. .....", "9")]
    assert records(rows)[0] == ["Crop: Rye; Acres: 40.", "Crop: Oats, etc; Acres: 9."]


def test_years_name_columns_of_other_figures_and_no_columns_of_years():
    sales = [("Mill", "2021", "2022"), ("Brae", "40", "41"), ("Ulm End", "7", "9")]
    assert records(sales)[0] == ["Mill: Brae; 2021: 40; 2022: 41.", "Mill: Ulm End; 2021: 7; 2022: 9."]
    dug = [("Brae", "1604", "1690"), ("Ulm End", "1777", "1802"), ("Carrow", "1690", "1703")]
    assert records(dug)[0] == ["Brae: 1604; 1690.", "Ulm End: 1777; 1802.", "Carrow: 1690; 1703."]
