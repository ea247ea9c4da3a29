"""Sources on other machines: pages and search services, asked through the cache and read in a child
process.
"""
