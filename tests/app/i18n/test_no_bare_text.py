"""No text of the app is left that only speaks English."""

import ast

from tests.app.i18n.bare import bare_texts, is_words
from tests.app.i18n.sources import modules

ELSEWHERE = ("app/cli/", "app/gradio/", "app/export.py")
"""Fronts that speak English alone: the command line, the hosted demo with its API, and exported files."""


def bare() -> dict[str, list[str]]:
    found = {
        str(path): [f"line {line}: {text}" for line, text in bare_texts(tree)]
        for path, tree in modules("app", "pages")
        if not str(path).startswith(ELSEWHERE)
    }
    return {path: texts for path, texts in found.items() if texts}


def test_all_that_is_shown_goes_through_the_tables_of_words():
    assert not bare()


def test_bare_text_is_found_wherever_it_is_given():
    code = """
WHY = "Because of the cells."
def show(st, column, n, name, ready):
    st.markdown("#### Title")
    column.text_input(t("Name"), "value", placeholder="Type here", key="name")
    st.caption(WHY)
    st.button("Go on" if n else t("Stop"))
    st.metric(t("Cells"), f"{n} of 9")
    st.warning(f":material/warning: {'none' if ready else t('all')}")
    st.dataframe(rows, column_config={"n": "How many", "t": st.column_config.TextColumn("Text")})
"""
    found = [text for _, text in sorted(bare_texts(ast.parse(code)))]
    assert found == ["#### Title", "Type here", "Because of the cells.", "Go on", "0 of 9", "none", "How many", "Text"]


def test_what_needs_no_words_is_left_alone():
    code = """
def show(st, name, n):
    st.markdown(f"#### :material/{name}: {t('Title')} **{n}**")
    st.text(answer.text)
    st.download_button("JSON", data, "tessera.json", "application/json")
    link_to("start", t("To the start"))
    st.markdown(f":green[:material/check:] {escape(name)}")
"""
    assert not list(bare_texts(ast.parse(code)))
    assert not is_words(":material/memory: **n** · `python -m app sample`")
