"""Codecs of the media plane, each as array functions or tables over whole ticks."""
