"""What the server of the tests runs for every visit: the app's own script on the tiny model."""

import runpy

from core.settings import ROOT
from tests.app.many import stage

stage.set_up()
runpy.run_path(str(ROOT / "app" / "script.py"))
