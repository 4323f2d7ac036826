"""What the library costs, against loops by hand and peers: `python -m benchmarks`."""
