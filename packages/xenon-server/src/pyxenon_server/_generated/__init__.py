"""Written by xenon-codegen: read the templates, not these files."""
