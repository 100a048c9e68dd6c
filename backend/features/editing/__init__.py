"""Edits of a curator: of groups, with history and undo, and of the text of a picture."""

from backend.features.editing.actions import (
    ChooseRepresentative,
    Confirm,
    Dissolve,
    Extract,
    Lock,
    Merge,
    Move,
    Operation,
    Rename,
    Split,
    Unlock,
)
from backend.features.editing.alpha import apply_alpha
from backend.features.editing.apply import read_snapshot, write_edit
from backend.features.editing.deletion import delete_media
from backend.features.editing.history import list_history, redo, undo
from backend.features.editing.operations import perform
from backend.features.editing.plan import most_label_characters
from backend.features.editing.rewrite import rewrite_text
from backend.features.editing.split import SplitProposal, propose_split
from backend.features.editing.transactions import edited, edited_if_grouped, settled
from backend.features.editing.wording import Vector, Wording, encode_wordings

__all__ = [
    "ChooseRepresentative",
    "Confirm",
    "Dissolve",
    "Extract",
    "Lock",
    "Merge",
    "Move",
    "Operation",
    "Rename",
    "Split",
    "SplitProposal",
    "Unlock",
    "Vector",
    "Wording",
    "apply_alpha",
    "delete_media",
    "edited",
    "edited_if_grouped",
    "encode_wordings",
    "list_history",
    "most_label_characters",
    "perform",
    "propose_split",
    "read_snapshot",
    "redo",
    "rewrite_text",
    "settled",
    "undo",
    "write_edit",
]
