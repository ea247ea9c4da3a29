"""Sources on other machines: pages and search services, asked through the cache and read in a child
process.

    fetch.py    the way to other machines: cached, guarded, parsed in a child
    base.py     what remote sources share: they search, hold what they gave, report their health
    pages.py    pages as documents
    web.py      a page that is named, and pages that a search engine finds
    fit.py      ranks the passages of a few documents for a query
    searxng.py  SearXNG; keyed.py Tavily and Brave, engines with an API key
"""
