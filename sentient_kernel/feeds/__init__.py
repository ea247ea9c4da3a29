"""What a live view is told, whoever carries it: a notebook's widget or a web page.

May import: ``projections``, ``report``, ``journal`` and the vocabulary. Knows no widget and no
workbench: what it looks at is a protocol.

The invariant: a page has seen everything that was sent to it, in order. Messages carry numbers
without a gap; a page that misses one says hello again and gets a snapshot. The messages and rows
are written down as types in ``widgets/static/kit/state.d.ts``.

    feeds.py    everything at first, and then what has changed; decides, sends nothing
    channel.py  the way to the pages that show one view: numbered messages, who is there
    sender.py   one thread, woken by news: a few messages a second, in order, and replies
"""
