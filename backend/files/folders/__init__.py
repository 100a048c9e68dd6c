"""Folders of pictures, with sidecars and manifests."""
