"""The image graph, content keys, Packer runs, manifest."""
