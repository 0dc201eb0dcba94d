"""Blocks and caches for several models and precisions in one workspace, so that switching makes none of them stale.

    blocks/smollm2-135m-reader-bfloat16-1f3c9a2e/        manifest.json, cells.json, cell-....safetensors
    caches/smollm2-135m-reader-bfloat16-1f3c9a2e/        ...
    caches/smollm2-135m-plain-bfloat16-int8-77ab01c4/    ...

The cells may be stored in another location, see ``core.kvcache.location``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ArtefactMissing
from core.kvcache.identity import CacheIdentity, chosen_precision
from core.kvcache.location import is_own, location_of, store_of
from core.kvcache.store import CacheStore
from core.manifest import MANIFEST, Manifest
from core.messages import message
from core.settings import Settings
from core.workspace import Workspace

if TYPE_CHECKING:  # torch, which a listing need not load
    from core.models.language_model import LanguageModel

BLOCKS, WHOLE_CELLS = "blocks", "caches"
"""The two kinds of artefacts that hold keys and values."""


@dataclass(frozen=True)
class Variant:
    """The blocks or the caches of one model and precision.

    Attributes:
        kind: ``BLOCKS`` or ``WHOLE_CELLS``.
        location: URL of its cells; empty if they are in the folder.
        manifest: None until it is complete.
        bytes: Size of the cells built so far.
        reason: Why it cannot be used now; empty if it can.
    """

    kind: str
    name: str
    folder: Path
    location: str
    manifest: Manifest | None
    bytes: int
    reason: str

    def store(self) -> CacheStore:
        """The store of its cells."""
        return CacheStore(self.location or self.folder, self.kind)


def variant_folder(ws: Workspace, lm: LanguageModel, precision: str, kind: str) -> Path:
    """Folder of the blocks or caches of a model and precision: a readable name, made unique by the fingerprint."""
    identity = lm.identity
    reader = "reader" if identity.adapter else "plain"
    stored = chosen_precision(precision, lm.dtype)
    return ws.folder(kind) / _name(identity.name, reader, CacheIdentity.of(lm).dtype, stored, identity.fingerprint)


def model_params(settings: Settings) -> dict[str, Any]:
    """Manifest parameters of the model that the settings name, so that caches can be matched without loading it."""
    from core.models.variant import ModelVariant

    variant = ModelVariant.of(settings)
    return {"model": variant.name, "reader": variant.adapter is not None, "dtype": variant.dtype}


def find_variant(variants: Sequence[Variant], model: Mapping[str, Any], precision: str) -> Variant | None:
    """The usable caches of a model (see ``model_params``) and precision; None if there are none or they are stale."""
    for variant in variants:
        params = variant.manifest.params if variant.manifest else {}
        fits = params.get("native") if precision == "auto" else params.get("precision") == precision
        if fits and not variant.reason and all(params.get(name) == value for name, value in model.items()):
            return variant
    return None


def open_store(ws: Workspace, lm: LanguageModel, settings: Settings, kind: str) -> CacheStore:
    """Opens the blocks or caches of a model in the precision of the settings.

    Raises:
        ArtefactMissing: The workspace has none.
        ArtefactStale: They were built by another model or from other cells.
    """
    precision = chosen_precision(settings.cache_precision, lm.dtype)
    return store_of(ws.require(kind, {"model": lm.identity.fingerprint, "precision": precision}))


def list_variants(ws: Workspace, kind: str) -> list[Variant]:
    """All blocks or caches of a workspace, finished or not, newest first."""
    states = {state.folder: state for state in (ws.state_of(folder, kind) for folder in ws.variants(kind))}
    variants = []
    for folder in sorted(path for path in ws.folder(kind).glob("[!.]*") if path.is_dir()):
        location = location_of(folder)
        state = states.get(folder)
        size = sum(cell.bytes for cell in CacheStore(location or folder, kind).states())
        reason = state.reason if state else "it is not complete"
        variants.append(Variant(kind, folder.name, folder, location, state.manifest if state else None, size, reason))
    return sorted(variants, key=_modified_at, reverse=True)


def delete_variant(ws: Workspace, name: str, kind: str) -> None:
    """Removes the blocks or caches of one model and precision, in the workspace and in its storage.

    In shared storage, only cells that no other index lists are deleted; deleting from the copy of a workspace leaves
    the cells of the original.

    Raises:
        ArtefactMissing: There are none of that name.
        WorkspaceBusy: Something is being built.
    """
    with ws.lock():
        variant = next((variant for variant in list_variants(ws, kind) if variant.name == name), None)
        if variant is None:
            why = message(
                "The workspace {name!r} has no {kind} named {variant!r}.",
                name=ws.name,
                kind=message(kind),
                variant=name,
            )
            raise ArtefactMissing(why, "They may have been deleted meanwhile.")
        (variant.folder / MANIFEST).unlink(missing_ok=True)  # first, so that a partial deletion counts as not built
        if variant.location and is_own(variant.folder):
            variant.store().release()
        shutil.rmtree(variant.folder, ignore_errors=True)


def _name(model: str, reader: str, dtype: str, precision: str, fingerprint: str) -> str:
    plain_name = re.sub(r"[^\w.]+", "-", Path(model).name).strip("-.") or "model"
    parts = [plain_name, reader, dtype, *([precision] if precision != dtype else []), fingerprint[:8]]
    return "-".join(parts)


def _modified_at(variant: Variant) -> float:
    return max((path.stat().st_mtime for path in variant.folder.iterdir()), default=0.0)
