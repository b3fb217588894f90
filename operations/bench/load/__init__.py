"""Load and yardsticks of the benches: prepared traffic, gateways, cut lines, a filled database, bare baselines."""
