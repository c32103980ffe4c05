"""Network to Network, one thought each."""
