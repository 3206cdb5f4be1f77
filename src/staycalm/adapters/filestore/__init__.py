"""Artifacts in a local directory, by digest; and the one way to make a directory one artifact."""

from staycalm.adapters.filestore.settings import FileStoreSettings
from staycalm.adapters.filestore.store import FileStore
from staycalm.packing import pack_directory, unpack

__all__ = ["FileStore", "FileStoreSettings", "pack_directory", "unpack"]
