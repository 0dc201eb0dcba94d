"""The whole app on the tiny model, for a real server: ``streamlit run tests/app/many/tiny_main.py``."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.app.many import stage  # noqa: E402

stage.set_up()
runpy.run_path(str(ROOT / "app" / "main.py"))
