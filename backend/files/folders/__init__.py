"""Folders of pictures, with sidecars and manifests."""

from backend.files.folders.folders import looks_like_picture, open_inside_roots, require_inside_roots, walk_pictures
from backend.files.folders.foreign_records import standing_of
from backend.files.folders.left_out import Exclusions, Kind, LeftOut, Tally
from backend.files.folders.manifests import ManifestError, read_manifest
from backend.files.folders.opening import open_regular, read_regular
from backend.files.folders.pairing import RAW_SUFFIXES
from backend.files.folders.sidecar_files import SidecarOutcome, write_sidecar
from backend.files.folders.sidecars import FileWarning, Sidecar, SidecarReader, read_sidecar

__all__ = [
    "RAW_SUFFIXES",
    "Exclusions",
    "FileWarning",
    "Kind",
    "LeftOut",
    "ManifestError",
    "Sidecar",
    "SidecarOutcome",
    "SidecarReader",
    "Tally",
    "looks_like_picture",
    "open_inside_roots",
    "open_regular",
    "read_manifest",
    "read_regular",
    "read_sidecar",
    "require_inside_roots",
    "standing_of",
    "walk_pictures",
    "write_sidecar",
]
