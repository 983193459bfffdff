"""The HTTP/1.1 transport: asyncio around httptools' parser, direct or through a proxy.

It exists for its speed: two to three times aiohttp's rate of small updates, for a third of the processor time.
``transport`` is the pool, ``connector`` opens connections, ``connection`` sends requests, ``headers`` reads those
of responses; ``connect`` builds and parses CONNECT, and ``tunnel`` does the TLS inside of it.
"""
