"""Sources on this machine: folders, files, installed packages.

base.py           what they share: reading in threads and children, searching, health
folder.py         a folder or a file; files.py walks it without leaving it
packages.py       documentation of installed packages; installed.py finds what is installed
package_names.py  the packages and members that a question names (pure)
parse.py          the parent's side of parsing
"""
