"""Page Train live: networks that train while the reader watches."""
