"""Trained networks of the course: for each a safetensors file, and a json file that says how it was made."""
