"""Hand-written programs that the catalogue's author had not seen, and mistakes planted in them."""
