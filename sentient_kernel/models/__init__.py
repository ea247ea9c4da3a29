"""Language models behind one protocol. Without any, research is extractive: reports are made of the sources' own sentences.

May import: the vocabulary (errors, settings, clock), failures, transport. Knows no run, no journal, no widget.
The invariant: an answer that was cut off or cannot be read is an error, never an answer.

.. code-block:: text

    base        the protocol, and its values            scripted   says what it is told, for tests
    llm         any provider; opens a model by name     pricing    what a call cost
    structured  JSON in what a model wrote (pure)       _fitting   whether it fits a schema (pure)
    _asking     one answer: attempts, pauses, counting  _gate      how many at once
    _known      whether a model can be asked at all     _client    the HTTP client that SDKs are given
    _provider   all that knows pydantic-ai
    _call       one request, while it runs              _gather    a stream as one body (pure)
    _answer     what a response holds and used          _sse       events out of a stream's bytes (pure)
    _manner     how a server takes requests (pure)      _room      tokens for reasoning (pure)
    _thoughts   reasoning within the text (pure)        embedding  texts as directions of meaning
"""
