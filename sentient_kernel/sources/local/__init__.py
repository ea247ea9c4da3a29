"""Sources on this machine: folders, files, installed packages."""
