"""Folders of pictures, with sidecars and manifests."""

from backend.files.folders.folders import looks_like_picture, open_inside_roots, require_inside_roots, walk_pictures
from backend.files.folders.left_out import Exclusions, Kind, LeftOut, Tally
from backend.files.folders.manifests import ManifestError, read_manifest
from backend.files.folders.sidecars import FileWarning, Sidecar, SidecarReader, read_sidecar

__all__ = [
    "Exclusions",
    "FileWarning",
    "Kind",
    "LeftOut",
    "ManifestError",
    "Sidecar",
    "SidecarReader",
    "Tally",
    "looks_like_picture",
    "open_inside_roots",
    "read_manifest",
    "read_sidecar",
    "require_inside_roots",
    "walk_pictures",
]
