"""What commands import when they are called, imported once in the process that all others are forked from."""

import bitsandbytes  # noqa: F401
import peft  # noqa: F401
import sklearn.manifold  # noqa: F401

from app import cli  # noqa: F401
from core import pipeline  # noqa: F401
from core.stores import bm25, faiss_index  # noqa: F401
from tests.encoder import TinyEncoder
from tests.models import tiny_language_model

LM, ENCODER = tiny_language_model(), TinyEncoder()
