"""What labkit is measured by. A package of its own, since a peer (opacus) installs another of this name."""
