"""The adaptor API: base classes, declarations, and the catalogue of installed adaptors."""
