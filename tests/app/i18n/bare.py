"""Finds text that is shown to people without having gone through the tables of words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

_SHOWS = """
    badge button caption checkbox chat_input download_button error expander file_uploader form_submit_button
    image info link_button markdown metric multiselect number_input page_link pills popover progress radio
    segmented_control select_slider selectbox slider spinner status subheader success tabs text text_area text_input
    title toast toggle warning write dataframe data_editor chart
    Column CheckboxColumn ListColumn NumberColumn ProgressColumn TextColumn
    empty_state link_to show_failure
"""
SHOWS = frozenset(_SHOWS.split())
"""Functions of Streamlit, of its columns and of the frame that show their text, by name."""
NAMED = frozenset({"label", "body", "help", "placeholder", "text", "title", "why", "caption", "alt", "column_config"})
"""Their arguments that do so by name; of those by place, all do that can hold a text."""
PLACED = {
    **dict.fromkeys(("download_button", "selectbox", "segmented_control", "pills", "radio", "multiselect"), 1),
    **dict.fromkeys(("text_input", "text_area", "number_input", "slider", "select_slider", "checkbox", "toggle"), 1),
    **dict.fromkeys(("page_link", "image", "dataframe", "chart", "data_editor"), 0),
    "empty_state": 2,
    "link_to": 2,
}
"""How many arguments by place are looked at, where the rest (a file name, an address, a value) is not said."""
PROPER = frozenset({"JSON", "CSV", "HTML", "Id", "n", "z", "Z", "k", "ms", "s", "KL", "F1", "EM", "Language · 언어"})
"""Names that are the same in every language."""
_MARKUP = re.compile(r":material/\w+:|:[a-z]+(?=\[)|`[^`]*`|https?://\S+")
_VALUE = "0"  # stands for a value in an f-string
_LETTERS = re.compile(r"[^\W\d_]")


def bare_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of everything in a module that is shown as it stands in the code."""
    for scope in _scopes(tree.body):
        known = {**_assigned(tree.body), **_assigned(ast.walk(scope))}
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and _name(node.func) in SHOWS:
                for argument in _shown_arguments(node):
                    for text in _texts(argument, known):
                        if is_words(text):
                            yield argument.lineno, text


def is_words(text: str) -> bool:
    """Whether a text has words in it that a reader of another language would miss."""
    rest = _MARKUP.sub("", text).replace(_VALUE, "").strip(" #*·:,()[]{}-–→\n")
    return bool(_LETTERS.search(rest)) and rest not in PROPER


def _shown_arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = _name(call.func)
    first = 1 if name == "link_to" else 0  # before it stands the name of a page
    yield from call.args[first : PLACED.get(name, len(call.args))]
    for keyword in call.keywords:
        if keyword.arg in NAMED:
            yield keyword.value


def _texts(node: ast.expr, known: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The texts that an expression may come to, as far as they stand in the module."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else _VALUE for part in parts)
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part.value, known)
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, op=ast.Add(), right=other):
            yield from _texts(one, known)
            yield from _texts(other, known)
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _texts(part, known)
        case ast.Dict(values=parts):
            for part in parts:
                yield from _texts(part, known)
        case ast.Call(func=ast.Name(id="escape"), args=[inner]):
            yield from _texts(inner, known)
        case ast.Name(id=name):
            for value in known.get(name, ()):
                yield from _texts(value, {})


def _scopes(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Functions, those of classes among them, and what stands beside them."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _scopes(statement.body)
        else:
            yield statement


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What names are set to."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
