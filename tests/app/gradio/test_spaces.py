"""What Hugging Face Spaces reads before it runs the front."""

from importlib.metadata import version

import yaml

from core.settings import ROOT


def test_the_front_matter_names_what_is_there():
    _, front, text = (ROOT / "deploy" / "spaces" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["sdk"] == "gradio"
    assert (ROOT / matter["app_file"]).is_file()
    assert matter["sdk_version"].split(".")[0] == version("gradio").split(".")[0]
    assert len(matter["short_description"]) <= 60
    for tool in ("compare", "ask", "list_methods", "search_passages"):
        assert f"`{tool}`" in text
