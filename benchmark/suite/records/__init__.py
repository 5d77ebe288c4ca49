"""Records, published numbers and studies as files. No torch."""
