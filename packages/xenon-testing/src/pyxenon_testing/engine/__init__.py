"""Docker: the engine, images and containers. Nothing here knows what runs in them."""
