"""The HTTP/1.1 transport: asyncio around httptools' parser."""
