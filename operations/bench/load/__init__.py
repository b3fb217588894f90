"""What the benches measure with: prepared traffic, gateways, cut lines, a filled database, and the bare baselines."""
